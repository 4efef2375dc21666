//! Checks every chunk of payload items, on all cores.
//!
//! In: the bytes of a bundle at the first payload member, and what the index says of the items. Out: nothing, or the first item and
//! chunk that differ. One thread reads, compares the frame and passes chunks on; the others hash them. The buffers are few, whatever
//! the size of the payload.

use std::io::{self, SeekFrom};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use super::read::Item;
use super::{PayloadReadError, PayloadReader, Source};
use crate::digest::Sha256Digest;
use crate::index::{Blob, CHUNK_SIZE, Payload};

/// The most threads that hash, and so half the number of chunks in memory.
const THREADS: usize = 6;

/// A payload item and where its member is in the file.
pub(crate) struct Located<'a> {
    pub(crate) payload: &'a Payload,
    /// Size and digest of the item.
    pub(crate) blob: &'a Blob,
    /// Where its member starts.
    pub(crate) offset: u64,
}

/// Why payload items are refused.
#[derive(Debug)]
pub(crate) enum CheckError {
    /// The bundle cannot be read.
    Read(io::Error),
    /// An item is not what the index describes.
    Item(PayloadReadError),
}

/// A chunk to be hashed.
struct Job<'a> {
    payload: &'a Payload,
    /// Its position among all chunks of all items.
    order: usize,
    number: usize,
    content: Vec<u8>,
}

/// Reads every item to its end and compares each chunk and each byte of the frames.
///
/// # Errors
/// [`CheckError`] naming the first item that differs.
pub(crate) fn check(source: &mut dyn Source, items: &[Located<'_>]) -> Result<(), CheckError> {
    if items.is_empty() {
        return Ok(());
    }
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(THREADS);
    // The chunk that comes first in the file and differs, with its position.
    let worst: Mutex<Option<(usize, PayloadReadError)>> = Mutex::new(None);
    let stop = AtomicBool::new(false);
    let read = thread::scope(|scope| {
        let (jobs, taken) = mpsc::sync_channel::<Job<'_>>(threads);
        let (spare, buffers) = mpsc::channel::<Vec<u8>>();
        for _ in 0..2 * threads {
            let _ = spare.send(Vec::new());
        }
        let taken = Arc::new(Mutex::new(taken));
        let (worst, stop) = (&worst, &stop);
        let mut started = 0;
        for _ in 0..threads {
            let spare = spare.clone();
            let taken = Arc::clone(&taken);
            let work = move || {
                loop {
                    let job = taken.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { break };
                    if job.payload.chunks.get(job.number) != Some(&Sha256Digest::of(&job.content)) {
                        stop.store(true, Ordering::Relaxed);
                        let mut worst = worst.lock().unwrap_or_else(PoisonError::into_inner);
                        if worst.as_ref().is_none_or(|(order, _)| job.order < *order) {
                            let name = job.payload.name.clone();
                            let chunk = job.number;
                            *worst = Some((job.order, PayloadReadError::Chunk { name, chunk }));
                        }
                    }
                    let _ = spare.send(job.content);
                }
            };
            // A host may allow no more threads: those that there are do the work.
            if thread::Builder::new().spawn_scoped(scope, work).is_ok() {
                started += 1;
            }
        }
        drop(spare);
        if started == 0 {
            return alone(source, items);
        }
        feed(source, items, stop, &jobs, &buffers)
    });
    let worst = worst.into_inner().unwrap_or_else(PoisonError::into_inner);
    match worst {
        Some((_, error)) => Err(CheckError::Item(error)),
        None => read,
    }
}

/// Reads and hashes the items on this thread, as a reader of each does.
pub(super) fn alone(source: &mut dyn Source, items: &[Located<'_>]) -> Result<(), CheckError> {
    for located in items {
        source
            .seek(SeekFrom::Start(located.offset))
            .map_err(CheckError::Read)?;
        let (payload, blob) = (located.payload.clone(), located.blob.clone());
        let mut item = PayloadReader::new(payload, blob, source).map_err(CheckError::Item)?;
        io::copy(&mut item, &mut io::sink()).map_err(|error| {
            error
                .downcast::<PayloadReadError>()
                .map_or_else(CheckError::Read, CheckError::Item)
        })?;
    }
    Ok(())
}

/// Reads the items and passes their chunks on, until one differs.
fn feed<'a>(
    source: &mut dyn Source,
    items: &[Located<'a>],
    stop: &AtomicBool,
    jobs: &mpsc::SyncSender<Job<'a>>,
    buffers: &mpsc::Receiver<Vec<u8>>,
) -> Result<(), CheckError> {
    let mut order = 0;
    for located in items {
        source
            .seek(SeekFrom::Start(located.offset))
            .map_err(CheckError::Read)?;
        let name = &located.payload.name;
        let mut item = Item::begin(name, located.blob.size, source).map_err(CheckError::Item)?;
        let mut remaining = located.blob.size;
        let mut number = 0;
        while remaining > 0 {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let mut content = buffers.recv().unwrap_or_default();
            content.resize(remaining.min(CHUNK_SIZE) as usize, 0);
            item.content(&mut content).map_err(CheckError::Item)?;
            remaining -= content.len() as u64;
            let payload = located.payload;
            let job = Job {
                payload,
                order,
                number,
                content,
            };
            // The other ends are there until this function returns.
            let _ = jobs.send(job);
            number += 1;
            order += 1;
        }
        item.end().map_err(CheckError::Item)?;
    }
    Ok(())
}
