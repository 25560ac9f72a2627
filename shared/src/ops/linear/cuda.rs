use dfdx::tensor::Cuda;

impl super::LinearKernel for Cuda {}
