use dfdx::tensor::Cuda;

impl super::CrossEntropyKernel for Cuda {}
