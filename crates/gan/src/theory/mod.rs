//! The theory of adversarial training as code that can be checked.
