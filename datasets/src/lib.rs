//! Loaders, verified downloads and synthetic twins.
