//! JSON has no NaN and no infinities: each is written as `null` and read back as what it meant there.

use serde::{Deserialize, Deserializer, Serializer};

/// For fields where `null` means "unknown".
pub(super) mod or_nan {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        write(*value, to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        read(from, f64::NAN)
    }
}

/// For the lower end of an interval, where `null` means "no lower bound".
pub(super) mod lower {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        write(*value, to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        read(from, f64::NEG_INFINITY)
    }
}

/// For the upper end of an interval, where `null` means "no upper bound".
pub(super) mod upper {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        write(*value, to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        read(from, f64::INFINITY)
    }
}

fn write<S: Serializer>(value: f64, to: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() {
        to.serialize_f64(value)
    } else {
        to.serialize_none()
    }
}

fn read<'de, D: Deserializer<'de>>(from: D, missing: f64) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(from)?.unwrap_or(missing))
}
