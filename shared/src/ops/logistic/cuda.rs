use dfdx::tensor::Cuda;

impl super::LogisticKernel for Cuda {}
