use dfdx::tensor::Cuda;

impl super::HingeKernel for Cuda {}
