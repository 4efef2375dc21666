//! Where this build takes its random numbers from.

use std::fs;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;

use super::case;

pub fn cases() -> Vec<Trial> {
    vec![case(
        "entropy::random_numbers_come_from_the_operating_system",
        from_the_operating_system,
    )]
}

/// The test program links the same aws-lc as `kubeplan` and `kubeapply`, so what its symbols say is true of them, too. aws-lc leaves its
/// jitter source out of a build with `AWS_LC_SYS_NO_JITTER_ENTROPY=1` (`.cargo/config.toml`).
fn from_the_operating_system() -> Result<()> {
    let program = fs::read(std::env::current_exe()?)?;
    // Names of symbols end with a zero byte.
    let (mut random, mut jitter) = (false, false);
    for name in program.split(|byte| *byte == 0) {
        random |= name.ends_with(b"_RAND_bytes");
        jitter |= name.ends_with(b"jent_read_entropy");
    }
    ensure!(
        random,
        "the program has no symbols, so it does not tell which build it is"
    );
    ensure!(
        !jitter,
        "aws-lc was built with its jitter source, which takes 35 to 70 ms of each process: build inside the repository, or set \
         AWS_LC_SYS_NO_JITTER_ENTROPY=1 (docs/decisions/0029-entropy.md)"
    );
    Ok(())
}
