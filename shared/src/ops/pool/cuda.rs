use dfdx::tensor::Cuda;

impl super::PoolKernel for Cuda {}
