use dfdx::tensor::Cuda;

impl super::EmbeddingKernel for Cuda {}
