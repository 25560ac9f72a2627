//! What dfdx panics at where it cannot return an error: a device without memory for a copy of a tensor.

use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
};

use super::{problem::Problem, CliError};

/// How the CUDA driver says it.
const OUT_OF_MEMORY: &str = "CUDA_ERROR_OUT_OF_MEMORY";

/// Does not print a panic that [`caught`] makes a sentence of.
pub(super) fn quieten() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !is_out_of_memory(info.payload()) {
            before(info);
        }
    }));
}

/// Runs `work`; a device that is out of memory is an error, and any other panic goes on.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, CliError>) -> Result<T, CliError> {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result,
        Err(payload) if is_out_of_memory(&*payload) => Err(Problem::DeviceMemory.into()),
        Err(payload) => panic::resume_unwind(payload),
    }
}

fn is_out_of_memory(payload: &(dyn Any + Send)) -> bool {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).is_some_and(|text| text.contains(OUT_OF_MEMORY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_without_memory_is_a_sentence_and_a_bug_stays_a_panic() {
        // as `unwrap` words what cudarc says
        let told = caught(|| -> Result<(), CliError> {
            panic!("called `Result::unwrap()` on an `Err` value: DriverError({OUT_OF_MEMORY}, \"out of memory\")")
        });
        assert!(told.unwrap_err().to_string().contains("ran out of memory"));
        assert_eq!(caught(|| Ok(3)).unwrap(), 3);
        let other = panic::catch_unwind(|| caught(|| -> Result<(), CliError> { panic!("a bug") }));
        assert_eq!(other.unwrap_err().downcast_ref::<&str>(), Some(&"a bug"));
    }
}
