use dfdx::tensor::Cpu;

impl super::ConvTranspose2dKernel for Cpu {}
