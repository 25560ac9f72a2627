use dfdx::tensor::Cpu;

impl super::Conv2dKernel for Cpu {}
