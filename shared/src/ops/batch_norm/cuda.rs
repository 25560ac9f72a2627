use dfdx::tensor::Cuda;

impl super::BatchNormKernel for Cuda {}
