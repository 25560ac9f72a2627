use dfdx::tensor::Cuda;

impl super::ResidualKernel for Cuda {}
