//! The command line.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;

use super::behaviour::Mix;
use super::scenario::rollout::Rollout;

/// A fleet of simulated devices against the real server, over sockets.
#[derive(Debug, Clone, Parser)]
#[command(name = "fleet")]
pub struct Options {
    /// How many devices
    #[arg(long, default_value_t = 1_000)]
    pub devices: u64,
    /// The same seed makes the same fleet and the same days
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Virtual hours after the second release (or 90m, 7d), unless all is quiet before; 48, or 30
    /// days with a rollout
    #[arg(long)]
    pub hours: Option<Span>,
    /// Virtual hours before the second release (or 90m, 7d)
    #[arg(long, default_value = "12")]
    pub before: Span,
    /// Virtual seconds in a second at most; as many as the machine can where it is not given
    #[arg(long)]
    pub speed: Option<u32>,
    /// Of a hundred devices, so many do not survive the second release
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub breaks: u32,
    /// Which devices behave how, in percent; the rest is normal
    #[arg(long, default_value = Mix::REALISTIC)]
    pub mix: Mix,
    /// Minutes that the most eager device waits between two check-ins
    #[arg(long, default_value_t = 1)]
    pub fastest: u32,
    /// Platforms: for the ESP32, the ESP8266 and the ESP32-C3
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub platforms: u8,
    /// How large the images are
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(16..=1_000))]
    pub image_kib: u16,
    /// How the second release goes out on each platform: all, canaries:5, or stages:1%,10%,50%
    #[arg(long, default_value = "all")]
    pub rollout: Rollout,
    /// Stop the server and start it again after so many virtual minutes, like 20..60
    #[arg(long)]
    pub restart_every: Option<Minutes>,
    /// How often a device may download a release whole without a person's word
    #[arg(long, default_value_t = 3)]
    pub limit: u32,
    /// Of a hundred check-ins, before so many the server is asked what it will answer
    #[arg(long, default_value_t = 1)]
    pub check: u32,
    /// Check-ins at the same time, at most
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
    /// A running server instead of one in this process, in real time, like `http://192.168.1.10:8000`
    #[arg(long, conflicts_with_all = ["speed", "restart_every", "data"])]
    pub server: Option<String>,
    /// A token of that server with the scope admin
    #[arg(long, env = "ESPALIER_TOKEN", requires = "server", hide_env_values = true)]
    pub token: Option<String>,
    /// Keep the data here, in an empty folder, instead of throwing it away
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Report as JSON
    #[arg(long)]
    pub json: bool,
}

impl Options {
    /// Seconds after the second release at most.
    pub fn horizon(&self) -> i64 {
        let usual = if self.rollout == Rollout::AllAtOnce { 48 * 3_600 } else { 30 * 86_400 };
        self.hours.map_or(usual, |hours| hours.0)
    }
}

/// A virtual time, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub i64);

impl FromStr for Span {
    type Err = String;

    /// Reads `48` (hours), `90m`, `12h` and `7d`.
    fn from_str(text: &str) -> Result<Self, String> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let unit = match unit {
            "m" => Some(60),
            "" | "h" => Some(3_600),
            "d" => Some(86_400),
            _ => None,
        };
        let number = number.parse::<u32>().ok();
        let span = number.zip(unit).map(|(number, unit)| Self(i64::from(number) * unit));
        span.ok_or_else(|| "expected hours, or a time like 90m or 7d".to_owned())
    }
}

/// A range of virtual minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minutes(pub RangeInclusive<i64>);

impl FromStr for Minutes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (low, high) = text.split_once("..").unwrap_or((text, text));
        let read = |text: &str| text.trim().parse::<i64>().ok().filter(|minutes| *minutes > 0);
        match (read(low), read(high)) {
            (Some(low), Some(high)) if low <= high => Ok(Self(low..=high)),
            _ => Err("expected minutes like 20..60".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_word_there_is_a_fleet() {
        let options = Options::try_parse_from(["fleet"]).unwrap();
        assert_eq!((options.devices, options.horizon()), (1_000, 172_800));
        assert_eq!(options.rollout, Rollout::AllAtOnce);
    }

    #[test]
    fn minutes_are_a_range() {
        assert_eq!("20..60".parse::<Minutes>(), Ok(Minutes(20..=60)));
        assert_eq!("30".parse::<Minutes>(), Ok(Minutes(30..=30)));
        for text in ["60..20", "0..5", "x", ""] {
            assert!(text.parse::<Minutes>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_hours_or_have_a_unit() {
        for (text, seconds) in [("48", 172_800), ("90m", 5_400), ("2h", 7_200), ("7d", 604_800)] {
            assert_eq!(text.parse::<Span>(), Ok(Span(seconds)), "{text}");
        }
        for text in ["", "h", "1w", "-1", "1.5"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_running_server_has_its_own_clock() {
        let line = ["fleet", "--server", "http://localhost:8000", "--speed", "10"];
        assert!(Options::try_parse_from(line).is_err());
    }
}
