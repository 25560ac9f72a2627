use dfdx::tensor::Cuda;

impl super::ConcatKernel for Cuda {}
