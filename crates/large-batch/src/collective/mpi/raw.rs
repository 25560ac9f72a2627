//! The few calls of MPI that a rank needs, none of which blocks, and all that is unsafe about them.

use std::{ffi::CStr, mem::MaybeUninit, os::raw::c_int, ptr};

use ::mpi::ffi;

use crate::collective::Frame;

/// Tag of frames.
pub(super) const DATA: c_int = 1;
/// Tag of the question whether a rank is there.
pub(super) const ASK: c_int = 2;
/// Tag of the answer.
pub(super) const ANSWER: c_int = 3;

/// Has MPI report errors instead of ending the job with a message of its own.
pub(super) fn return_errors() -> Result<(), String> {
    // SAFETY: MPI is initialized as long as `run` runs, and both handles are constants of MPI.
    check(unsafe { ffi::MPI_Comm_set_errhandler(ffi::RSMPI_COMM_WORLD, ffi::RSMPI_ERRORS_RETURN) })
}

/// A frame that MPI is sending or filling.
#[derive(Debug)]
pub(super) struct InFlight {
    request: ffi::MPI_Request,
    /// There until it is given back; never moved out of its heap while the request is open.
    frame: Option<Frame>,
}

impl InFlight {
    /// Begins to send a frame of at most 2^31 - 1 words.
    pub(super) fn send(frame: Frame, to: c_int, tag: c_int) -> Result<Self, String> {
        let words = frame.words();
        let (start, count) = (words.as_ptr().cast(), words.len() as c_int);
        let mut request = MaybeUninit::uninit();
        // SAFETY: the words lie on the heap, and `frame` holds them, unchanged, until the request is done or for ever.
        let code = unsafe {
            let (kind, world) = (ffi::RSMPI_UINT32_T, ffi::RSMPI_COMM_WORLD);
            ffi::MPI_Isend(start, count, kind, to, tag, world, request.as_mut_ptr())
        };
        check(code)?;
        // SAFETY: a call that succeeds sets the request.
        Ok(Self { request: unsafe { request.assume_init() }, frame: Some(frame) })
    }

    /// Begins to receive into `frame`, or gives it back where nothing has come.
    pub(super) fn receive(mut frame: Frame, from: c_int, tag: c_int) -> Result<Result<Self, Frame>, String> {
        let (mut found, mut count) = (0, 0);
        let (mut message, mut status) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        // SAFETY: all pointers are to locals of the type that MPI asks for.
        let code = unsafe {
            let world = ffi::RSMPI_COMM_WORLD;
            ffi::MPI_Improbe(from, tag, world, &mut found, message.as_mut_ptr(), status.as_mut_ptr())
        };
        check(code)?;
        if found == 0 {
            return Ok(Err(frame));
        }
        // SAFETY: a probe that found a message has set the status.
        check(unsafe { ffi::MPI_Get_count(status.as_ptr(), ffi::RSMPI_UINT32_T, &mut count) })?;
        let words = frame.words_mut();
        words.resize(usize::try_from(count).map_err(|_| "a message of no whole words".to_owned())?, 0);
        let mut request = MaybeUninit::uninit();
        // SAFETY: the probe has set the message, whose `count` words the buffer holds. They lie on the heap, and `frame`
        // holds them, untouched, until the request is done or for ever.
        let code = unsafe {
            let (start, kind) = (words.as_mut_ptr().cast(), ffi::RSMPI_UINT32_T);
            ffi::MPI_Imrecv(start, count, kind, message.as_mut_ptr(), request.as_mut_ptr())
        };
        check(code)?;
        // SAFETY: a call that succeeds sets the request.
        Ok(Ok(Self { request: unsafe { request.assume_init() }, frame: Some(frame) }))
    }

    /// Whether the transfer has come to its end.
    pub(super) fn is_done(&mut self) -> Result<bool, String> {
        let mut done = 0;
        // SAFETY: the request came from MPI; once done it is MPI's null request, which may be tested too.
        check(unsafe { ffi::MPI_Test(&mut self.request, &mut done, ffi::RSMPI_STATUS_IGNORE) })?;
        Ok(done != 0)
    }

    /// The frame of a transfer that [is done](Self::is_done); nothing of one that is not.
    pub(super) fn into_frame(mut self) -> Option<Frame> {
        // SAFETY: reading a constant of MPI.
        let null = unsafe { ffi::RSMPI_REQUEST_NULL };
        if self.request == null {
            self.frame.take()
        } else {
            None
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // MPI may still read or write the memory of a transfer that was given up: it is never freed
        if let Some(frame) = self.frame.take() {
            std::mem::forget(frame);
        }
    }
}

/// Sends two numbers, and does not look after them again.
pub(super) fn post(numbers: [u64; 2], to: c_int, tag: c_int) -> Result<(), String> {
    // these messages are few, and 16 bytes each: their memory stays theirs
    let numbers: &'static [u64; 2] = Box::leak(Box::new(numbers));
    let mut request = MaybeUninit::uninit();
    // SAFETY: the numbers are never freed.
    let code = unsafe {
        let (start, kind, world) = (numbers.as_ptr().cast(), ffi::RSMPI_UINT64_T, ffi::RSMPI_COMM_WORLD);
        ffi::MPI_Isend(start, 2, kind, to, tag, world, request.as_mut_ptr())
    };
    check(code)?;
    // SAFETY: a call that succeeds sets the request, and freeing one lets the transfer come to its end.
    check(unsafe { ffi::MPI_Request_free(request.as_mut_ptr()) })
}

/// Two numbers that were [posted](post) to this rank, and by whom, where there are any.
pub(super) fn pick(tag: c_int) -> Result<Option<(usize, [u64; 2])>, String> {
    let (mut found, mut numbers) = (0, [0_u64; 2]);
    let mut status = MaybeUninit::<ffi::MPI_Status>::uninit();
    // SAFETY: all pointers are to locals of the type that MPI asks for.
    let code = unsafe {
        let (any, world) = (ffi::RSMPI_ANY_SOURCE, ffi::RSMPI_COMM_WORLD);
        ffi::MPI_Iprobe(any, tag, world, &mut found, status.as_mut_ptr())
    };
    check(code)?;
    if found == 0 {
        return Ok(None);
    }
    // SAFETY: a probe that found a message has set the status.
    let from = unsafe { status.assume_init() }.MPI_SOURCE;
    // SAFETY: the message that was found is of two numbers, for nothing else is sent by these tags, and `numbers` takes
    // two. It is there already, so that receiving it does not block, and no other thread receives meanwhile.
    let code = unsafe {
        let (start, kind, world) = (numbers.as_mut_ptr().cast(), ffi::RSMPI_UINT64_T, ffi::RSMPI_COMM_WORLD);
        ffi::MPI_Recv(start, 2, kind, from, tag, world, ffi::RSMPI_STATUS_IGNORE)
    };
    check(code)?;
    Ok(usize::try_from(from).ok().map(|from| (from, numbers)))
}

/// MPI's own words for a code that is not success.
fn check(code: c_int) -> Result<(), String> {
    if code == ffi::MPI_SUCCESS as c_int {
        return Ok(());
    }
    let (mut text, mut len) = ([0; ffi::MPI_MAX_ERROR_STRING as usize + 1], 0);
    // SAFETY: the text has room for the longest of MPI's sentences and its end, and MPI ends what it writes by 0.
    let text = unsafe {
        ffi::MPI_Error_string(code, text.as_mut_ptr(), &mut len);
        CStr::from_ptr(ptr::from_ref(&text).cast())
    };
    Err(text.to_string_lossy().into_owned())
}
