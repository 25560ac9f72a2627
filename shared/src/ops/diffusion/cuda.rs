use dfdx::tensor::Cuda;

impl super::DiffusionKernel for Cuda {}
