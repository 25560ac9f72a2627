//! Synchronous SGD on large minibatches, after Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour"
//! (2017).

pub mod collective;
