//! Work that comes round by itself. Tests call what a job calls, without waiting.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Error};

/// How late a check-in may be written.
const WRITE_BEHIND: Duration = Duration::from_millis(900);
/// How often old things are thrown away.
const TIDY: Duration = Duration::from_mins(10);

/// How often devices are looked for that nobody has heard of since an offer.
const LOST: Duration = Duration::from_secs(30);
/// How often rollouts are looked at.
const ROLLOUTS: Duration = Duration::from_secs(5);
/// How often the versions in the field are counted: the last count of a day stays.
const FIELD: Duration = Duration::from_hours(1);

/// Starts all jobs; they end with `stop`.
pub fn start(app: &App, stop: &CancellationToken) {
    spawn(app, stop, "write_behind", WRITE_BEHIND, |app| async move { app.flush().await });
    spawn(app, stop, "secrets", WRITE_BEHIND, |app| async move { app.end_rotations().await });
    spawn(app, stop, "tidy", TIDY, |app| async move { app.tidy().await });
    spawn(app, stop, "lost", LOST, |app| async move {
        app.look_for_lost().await;
        Ok(())
    });
    spawn(app, stop, "rollouts", ROLLOUTS, |app| async move { app.watch_rollouts(false).await });
    spawn(app, stop, "field", FIELD, |app| async move { app.count_field().await });
    spawn(app, stop, "pack", TIDY, |app| async move { app.pack_wanted().await });
}

/// Runs `work` at once and then every `period`, until `stop`.
fn spawn<F: Future<Output = Result<(), Error>> + Send>(
    app: &App,
    stop: &CancellationToken,
    name: &'static str,
    period: Duration,
    work: impl Fn(App) -> F + Send + 'static,
) {
    let (app, stop) = (app.clone(), stop.clone());
    let tasks = app.tasks().clone();
    tasks.spawn(async move {
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            if let Err(error) = work(app.clone()).await {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, job = name, "a job failed; it is tried again");
            }
        }
    });
}
