use dfdx::tensor::Cuda;

impl super::SquashKernel for Cuda {}
