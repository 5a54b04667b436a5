//! How much was produced by a moment, in closed form, and its inverse.

use std::f64::consts::TAU;

use super::Time;
use super::delay::Delay;
use super::occurrence::Occurrence;

/// Halvings until a bracket of thirty years is below a microsecond.
const HALVINGS: u32 = 50;

/// Messages that arrive in a topic, over time. The count never falls.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrivals {
    /// Nothing had arrived before.
    pub since: Time,
    /// Messages per second, until the first of `steps`.
    pub rate: f64,
    /// From then on the rate is this one; in order of time, none before `since`.
    pub steps: Vec<(Time, f64)>,
    /// Each makes the rate go up and down; their shares together are at most 1.
    pub swings: Vec<Swing>,
    /// More messages for a while.
    pub pulses: Vec<Pulse>,
    /// Messages that are written because others were read: retries.
    pub echo: Option<Box<Echo>>,
}

/// A rate that follows the time of day, or any other period: `1 + share · sin(2π (t − phase) / period)` times as much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Swing {
    /// Up and down, of the rate: 0 to 1.
    pub share: f64,
    /// Seconds from peak to peak.
    pub period: f64,
    /// When it passes its mean on the way up.
    pub phase: Time,
}

/// More messages for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pulse {
    /// When it begins.
    pub begins: Occurrence,
    /// How long it lasts, in seconds; no longer than until its next beginning.
    pub seconds: f64,
    /// Messages per second, on top of everything else.
    pub rate: f64,
}

/// What is written back for a share of the messages that were read elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Echo {
    /// What arrives there.
    pub of: Arrivals,
    /// How long its messages wait until they are read. It must not rewind: what is read again would have to be unwritten here.
    pub delay: Delay,
    /// Messages written for each one read, from then on; in order of time. None before the first.
    pub shares: Vec<(Time, f64)>,
}

impl Arrivals {
    /// Evenly so many messages per second.
    pub fn steady(since: Time, rate: f64) -> Self {
        Self {
            since,
            rate,
            steps: Vec::new(),
            swings: Vec::new(),
            pulses: Vec::new(),
            echo: None,
        }
    }

    /// From `at` on so many messages per second.
    pub fn then(mut self, at: Time, rate: f64) -> Self {
        self.steps.push((at, rate));
        self
    }

    /// The rate goes up and down.
    pub fn swinging(mut self, swing: Swing) -> Self {
        self.swings.push(swing);
        self
    }

    /// More messages for a while.
    pub fn with_pulse(mut self, pulse: Pulse) -> Self {
        self.pulses.push(pulse);
        self
    }

    /// Retries come on top.
    pub fn echoing(mut self, echo: Echo) -> Self {
        self.echo = Some(Box::new(echo));
        self
    }

    /// Messages that arrived by `t`, in all; a fraction is one under way.
    pub fn count(&self, t: Time) -> f64 {
        if t <= self.since {
            return 0.0;
        }
        let pulses: f64 = self.pulses.iter().map(|p| p.count(self.since, t)).sum();
        let echo = self.echo.as_ref().map_or(0.0, |echo| echo.count(t));
        self.base(t) + pulses + echo
    }

    /// Messages per second at `t`; those of an echo aside.
    pub fn rate_at(&self, t: Time) -> f64 {
        if t < self.since {
            return 0.0;
        }
        let base = self
            .steps
            .iter()
            .rev()
            .find(|(from, _)| *from <= t)
            .map_or(self.rate, |(_, rate)| *rate);
        let swung: f64 = self.swings.iter().map(|s| s.at(t)).sum();
        let pulses: f64 = self.pulses.iter().map(|p| p.rate_at(t)).sum();
        base * (1.0 + swung) + pulses
    }

    /// When the count reached `messages`, the first moment by `until`; absent when it had not.
    pub fn reached(&self, messages: f64, until: Time) -> Option<Time> {
        if messages <= 0.0 {
            return Some(self.since.min(until));
        }
        if self.is_plain() {
            let at = self.since + messages / self.rate;
            return (at <= until).then_some(at);
        }
        if self.count(until) < messages {
            return None;
        }
        let (mut before, mut after) = (self.since, until);
        for _ in 0..HALVINGS {
            let middle = before + (after - before) / 2.0;
            if self.count(middle) < messages {
                before = middle;
            } else {
                after = middle;
            }
        }
        Some(after)
    }

    /// A straight line, whose inverse needs no search.
    fn is_plain(&self) -> bool {
        self.rate > 0.0
            && self.steps.is_empty()
            && self.swings.is_empty()
            && self.pulses.is_empty()
            && self.echo.is_none()
    }

    /// What the rate and its steps and swings brought.
    fn base(&self, t: Time) -> f64 {
        let mut from = self.since;
        let mut rate = self.rate;
        let mut sum = 0.0;
        for &(at, next) in self.steps.iter().take_while(|(at, _)| *at < t) {
            sum += rate * self.swung(from, at);
            (from, rate) = (at, next);
        }
        sum + rate * self.swung(from, t)
    }

    /// Seconds from `from` to `to`, weighted with the swings.
    fn swung(&self, from: Time, to: Time) -> f64 {
        let swings = self.swings.iter().map(|swing| swing.integral(from, to));
        to - from + swings.sum::<f64>()
    }
}

impl Swing {
    fn at(&self, t: Time) -> f64 {
        self.share * ((t - self.phase) / self.period * TAU).sin()
    }

    fn integral(&self, from: Time, to: Time) -> f64 {
        let cosine = |t: Time| ((t - self.phase) / self.period * TAU).cos();
        self.share * self.period / TAU * (cosine(from) - cosine(to))
    }
}

impl Pulse {
    /// Messages it brought from `since` to `t`.
    fn count(&self, since: Time, t: Time) -> f64 {
        self.rate * (self.running(t) - self.running(since))
    }

    /// Seconds that it has been going on by `t`, in all.
    fn running(&self, t: Time) -> f64 {
        let Some(last) = self.begins.last(t) else {
            return 0.0;
        };
        let whole = self.begins.count(t) - 1;
        whole as f64 * self.seconds + (t - last).min(self.seconds)
    }

    fn rate_at(&self, t: Time) -> f64 {
        let on = |last| t - last < self.seconds;
        if self.begins.last(t).is_some_and(on) {
            self.rate
        } else {
            0.0
        }
    }
}

impl Echo {
    fn count(&self, t: Time) -> f64 {
        let read = |t: Time| self.of.count(self.delay.read_up_to(t));
        let ends = self.shares.iter().skip(1).map(|(at, _)| *at);
        self.shares
            .iter()
            .zip(ends.chain([f64::INFINITY]))
            .take_while(|((from, _), _)| *from < t)
            .map(|((from, share), end)| share * (read(end.min(t)) - read(*from)))
            .sum()
    }
}
