//! How long and how often a call to the API server is tried again.
//!
//! In: the time a call has, and what came of each attempt. Out: when to try again, or that the time is over. The first
//! pause is the one kubeadm makes (1.36.2, `KubernetesAPICallRetryInterval`, 500 ms); later ones grow, and each
//! differs a little, so that nodes that start together do not call together.

use std::time::Duration;

use http::{HeaderMap, header};
use tokio::time::{Instant, sleep};

/// The first pause.
const FIRST: Duration = Duration::from_millis(500);

/// The longest pause, unless the API server asks for a longer one.
const LONGEST: Duration = Duration::from_secs(5);

/// The time one call has, with all its attempts.
#[derive(Debug)]
pub(crate) struct Window {
    start: Instant,
    length: Duration,
    next: Duration,
    longest: Duration,
    attempts: u32,
}

impl Window {
    /// Begins now.
    pub(crate) fn begin(length: Duration) -> Self {
        Self {
            start: Instant::now(),
            length,
            next: FIRST,
            longest: LONGEST,
            attempts: 1,
        }
    }

    /// Begins now; pauses do not grow.
    pub(crate) fn steady(length: Duration) -> Self {
        Self {
            longest: FIRST,
            ..Self::begin(length)
        }
    }

    /// How long it is.
    pub(crate) const fn length(&self) -> Duration {
        self.length
    }

    /// Time since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Time until the end.
    pub(crate) fn left(&self) -> Duration {
        self.length.saturating_sub(self.elapsed())
    }

    /// Attempts so far.
    pub(crate) const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Waits before the next attempt, at least as long as the server asked for; `false` if the time is over by then. The
    /// last attempt is made when the time ends.
    pub(crate) async fn pause(&mut self, asked: Option<Duration>) -> bool {
        let left = self.left();
        let asked = asked.unwrap_or_default();
        if left.is_zero() || asked > left {
            return false;
        }
        let pause = asked.max(spread(self.next, random())).min(left);
        self.next = (self.next * 3 / 2).min(self.longest);
        self.attempts += 1;
        sleep(pause).await;
        true
    }
}

/// `time` made up to a fifth shorter or longer; `by` is between 0 and 255.
fn spread(time: Duration, by: u8) -> Duration {
    time.mul_f64(0.8 + 0.4 * f64::from(by) / 255.0)
}

/// Any byte; if the operating system has no random ones, the middle one will do for a pause.
fn random() -> u8 {
    let mut byte = [0; 1];
    match aws_lc_rs::rand::fill(&mut byte) {
        Ok(()) => u8::from_be_bytes(byte),
        Err(_) => 128,
    }
}

/// How long the server asks to be left alone (RFC 9110 section 10.2.3, in seconds).
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_until_the_time_is_over() {
        let mut window = Window::begin(Duration::from_secs(60));
        let mut last = Duration::ZERO;
        while window.pause(None).await {
            assert!(window.elapsed() > last);
            last = window.elapsed();
        }
        assert!(
            window.attempts() > 10 && window.attempts() < 25,
            "{window:?}"
        );
        // Timers have milliseconds.
        assert!(last >= Duration::from_secs(60) && last < Duration::from_millis(60_010));
        assert!(!window.pause(None).await);
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_may_ask_for_more_time_but_not_for_all_of_it() {
        let mut window = Window::begin(Duration::from_secs(60));
        assert!(window.pause(Some(Duration::from_secs(20))).await);
        assert!(window.elapsed() >= Duration::from_secs(20));
        assert!(!window.pause(Some(Duration::from_secs(3600))).await);
    }

    #[test]
    fn pauses_differ_by_a_fifth() {
        assert_eq!(spread(FIRST, 0), Duration::from_millis(400));
        assert_eq!(spread(FIRST, 255), Duration::from_millis(600));
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        let headers =
            |text| HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(text))]);
        assert_eq!(retry_after(&headers("3")), Some(Duration::from_secs(3)));
        assert_eq!(retry_after(&headers("Fri, 20 Nov 2026 10:00:00 GMT")), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
