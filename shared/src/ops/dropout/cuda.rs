use dfdx::tensor::Cuda;

impl super::DropoutKernel for Cuda {}
