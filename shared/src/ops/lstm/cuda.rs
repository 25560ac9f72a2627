use dfdx::tensor::Cuda;

impl super::LstmKernel for Cuda {}
