use dfdx::tensor::Cuda;

impl super::ResponseNormKernel for Cuda {}
