//! Tripwires that have tripped over a replay.

use policy_core::tripwires::Trip;

use crate::render::{Screen, printable, table};

/// Most trips that are kept: bounds memory whatever a recording holds.
const KEPT: usize = 1_000;
/// Trips that the table lists.
const LISTED: usize = 20;
/// Characters of a name in the table.
const NAME_CHARS: usize = 60;

/// The tripwires that have tripped, in the order in which they did.
#[derive(Clone, Debug, Default)]
pub struct Trips {
    all: Vec<Trip>,
    /// More of them.
    untold: u64,
}

impl Trips {
    pub(super) fn note(&mut self, trips: Vec<Trip>) {
        for trip in trips {
            if self.all.len() < KEPT {
                self.all.push(trip);
            } else {
                self.untold += 1;
            }
        }
    }

    /// Their records as a JSON array.
    pub fn json(&self) -> String {
        let all: Vec<String> = self.all.iter().map(Trip::json).collect();
        format!("[{}]", all.join(","))
    }

    /// The trips as a table.
    pub fn render(&self, screen: Screen) -> String {
        if self.all.is_empty() {
            return "\nTripwires: none of them tripped\n".to_owned();
        }
        let row = |trip: &Trip| {
            let would = if trip.only_told { "would " } else { "" };
            let until = trip.until.as_deref().unwrap_or("resumed");
            vec![
                trip.time.clone(),
                printable(&trip.agent, NAME_CHARS),
                printable(&trip.tripwire, NAME_CHARS),
                counted(trip),
                most(trip),
                format!("{would}{} until {until}", trip.then.replace('_', " ")),
            ]
        };
        let rows: Vec<_> = self.all.iter().take(LISTED).map(row).collect();
        let head = ["at", "agent", "tripwire", "counted", "most", "then"];
        let mut out = format!("\nTripwires\n{}", table(screen, &head, &rows, &[]));
        let more = self.all.len().saturating_sub(LISTED) as u64 + self.untold;
        if more > 0 {
            out.push_str(&format!("and {more} more: see `tripwires` with --format json\n"));
        }
        out
    }
}

fn counted(trip: &Trip) -> String {
    match (trip.of, trip.of_counted) {
        (Some(of), Some(whole)) => format!("{} {} of {whole} {of}", trip.counted, trip.count),
        _ => format!("{} {}", trip.counted, trip.count),
    }
}

fn most(trip: &Trip) -> String {
    let most = match (&trip.max, &trip.max_percent, &trip.baseline, &trip.times) {
        (Some(max), ..) => max.to_string(),
        (_, Some(percent), ..) => format!("{percent} %"),
        (_, _, Some(baseline), Some(times)) => format!("{times} times {baseline}"),
        _ => String::new(),
    };
    format!("{most} in {}s", trip.window)
}
