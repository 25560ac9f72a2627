use shared::nn::{Conv2d, Dropout, Flatten, Linear, MaxPool2d};

shared::module! {
    struct Net<E, D> {
        first: Conv2d<3, 8, 28, 28, 3, 1, 1, E, D>,
        pool: MaxPool2d<28, 15, 3, 2, 1>,
        last: Linear<1800, 10, E, D>,
    }
}

shared::module! {
    struct Vectors<E, D> {
        flatten: Flatten<8, 14, 1800>,
        last: Linear<1800, 10, E, D>,
    }
}

shared::module! {
    struct Padded<E, D> {
        first: Conv2d<3, 8, 28, 28, 3, 1, 1, E, D>,
        pool: shared::nn::AvgPool2d<28, 16, 3, 2, 2>,
    }
}

shared::module! {
    struct Forgetful<E, D> {
        dropout: Dropout<100>,
        last: Linear<1800, 10, E, D>,
    }
}

fn main() {}
