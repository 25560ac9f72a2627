use dfdx::tensor::Cuda;

impl super::RoutingKernel for Cuda {}
