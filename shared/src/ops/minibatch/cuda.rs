use dfdx::tensor::Cuda;

impl super::MinibatchKernel for Cuda {}
