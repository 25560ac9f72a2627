use dfdx::tensor::Cuda;

impl super::ConvTranspose2dKernel for Cuda {}
