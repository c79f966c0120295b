//! A cheap guard against a side of a connection on which nothing moves.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Counts the steps of time in which something was waited for in vain.
///
/// No clock is read and no timer is set while a connection is busy: the timer runs on from step to
/// step, and what moves in between is only noted.
#[derive(Default)]
pub(super) struct Stall {
    timer: Option<Pin<Box<Sleep>>>,
    moved: bool,
    steps: u32,
}

/// What a [`Stall`] says to one that still has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// The task will be woken.
    Sleeping,
    /// Another step has passed; the task will be woken again.
    Step,
    /// It has taken the whole time, and less than a step more.
    Over,
}

impl Stall {
    /// Something has moved.
    pub(super) fn clear(&mut self) {
        self.moved = true;
    }

    /// Whether a whole step has passed in which nothing moved.
    pub(super) const fn has_waited(&self) -> bool {
        self.steps > 0
    }

    /// Nothing has moved; `limit` divided by `steps` is the time from step to step.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, limit: Duration, steps: u32) -> Wait {
        let step = limit / steps;
        let timer = self.timer.get_or_insert_with(|| {
            self.moved = false;
            Box::pin(tokio::time::sleep(step))
        });
        if timer.as_mut().poll(cx).is_pending() {
            return Wait::Sleeping;
        }
        // A step in the course of which something moved is none.
        self.steps = if self.moved { 0 } else { self.steps + 1 };
        self.moved = false;
        if self.steps >= steps {
            return Wait::Over;
        }
        timer.as_mut().reset(Instant::now() + step);
        if timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Wait::Step
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::task::Poll;

    const LIMIT: Duration = Duration::from_millis(40);

    /// Waits until a step or the end.
    async fn next(stall: &mut Stall) -> Wait {
        poll_fn(|cx| match stall.poll(cx, LIMIT, 4) {
            Wait::Sleeping => Poll::Pending,
            other => Poll::Ready(other),
        })
        .await
    }

    #[tokio::test]
    async fn the_end_comes_after_the_whole_time_and_not_before() {
        let mut stall = Stall::default();
        let began = Instant::now();
        for _ in 0..3 {
            assert_eq!(next(&mut stall).await, Wait::Step);
        }
        assert_eq!(next(&mut stall).await, Wait::Over);
        assert!(began.elapsed() >= LIMIT);
    }

    #[tokio::test]
    async fn what_moves_starts_the_time_anew() {
        let mut stall = Stall::default();
        for _ in 0..3 {
            assert_eq!(next(&mut stall).await, Wait::Step);
        }
        stall.clear();
        let moved = Instant::now();
        while next(&mut stall).await == Wait::Step {}
        assert!(moved.elapsed() >= LIMIT);
    }

    #[tokio::test]
    async fn a_timer_that_fired_unseen_does_not_count_against_the_next_wait() {
        let mut stall = Stall::default();
        assert_eq!(next(&mut stall).await, Wait::Step);
        stall.clear();
        tokio::time::sleep(LIMIT).await;
        let began = Instant::now();
        while next(&mut stall).await == Wait::Step {}
        assert!(began.elapsed() >= LIMIT);
    }
}
