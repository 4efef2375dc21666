//! The process itself: its environment. The programs that it starts are [`super::program`]'s.

use std::collections::BTreeMap;
use std::time::Duration;

/// Variables of the environment whose names end in `_proxy`, in any case, and that are not empty.
#[must_use]
pub(crate) fn proxy_variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, value)| is_proxy(name, value))
        .collect()
}

/// The user who logged in to the session that this process belongs to, also if it runs as another user since (proc_pid_loginuid(5));
/// `None` if the kernel does not know.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the kernel's view of this process, not of the root"
)]
pub(crate) fn login_uid() -> Option<u32> {
    let text = std::fs::read_to_string("/proc/self/loginuid").ok()?;
    text.trim().parse().ok().filter(|uid| *uid != u32::MAX)
}

/// Waits.
pub(crate) fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

/// The absolute directories of `PATH`, for a check that looks whether a program is there; what is run is looked for
/// by [`super::program`].
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]
pub(crate) fn search_path() -> Vec<String> {
    std::env::var("PATH")
        .unwrap_or_default()
        .split(':')
        .filter(|directory| directory.starts_with('/'))
        .map(str::to_owned)
        .collect()
}

fn is_proxy(name: &str, value: &str) -> bool {
    name.to_lowercase().ends_with("_proxy") && !value.is_empty()
}

#[cfg(test)]
mod tests {
    use super::is_proxy;

    #[test]
    fn proxies_are_known_by_the_end_of_their_names() {
        assert!(is_proxy("HTTP_PROXY", "a") && is_proxy("no_proxy", "b"));
        assert!(!is_proxy("HTTP_PROXY", "") && !is_proxy("PROXY_URL", "a"));
    }
}
