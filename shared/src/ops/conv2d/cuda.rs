use dfdx::tensor::Cuda;

impl super::Conv2dKernel for Cuda {}
