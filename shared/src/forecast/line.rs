//! A line through points in time: the median of all slopes between two of them (Theil 1950, Sen 1968),
//! which up to 29 % of the points cannot lead astray, and how monotone they are (Mann 1945, Kendall).

/// See the module. Times and amounts are in any unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// By how much it rises in a unit of time.
    pub(super) slope: f64,
    /// Where it is at time 0.
    pub(super) at_zero: f64,
    /// Kendall's τ: −1 is that each point is lower than all before it.
    pub(super) tau: f64,
    /// How many standard deviations that is from what chance brings.
    pub(super) z: f64,
    /// How far points are from it: the standard deviation, if they lay as chance lays them; by the median
    /// of the distances, so that single points count for nothing.
    pub(super) spread: f64,
    /// Nine of ten points are no farther from it.
    pub(super) most: f64,
}

impl Line {
    /// The line through points in the order of their times; `None` of fewer than three.
    pub(super) fn through(points: &[(f64, f64)]) -> Option<Self> {
        if points.len() < 3 {
            return None;
        }
        let count = points.len() as f64;
        let mut slopes = Vec::with_capacity(points.len() * (points.len() - 1) / 2);
        let mut signs = 0.0;
        for (n, &(x, y)) in points.iter().enumerate() {
            for &(later, other) in &points[n + 1..] {
                let rise = other - y;
                signs += if rise == 0.0 { 0.0 } else { rise.signum() };
                if later > x {
                    slopes.push(rise / (later - x));
                }
            }
        }
        let slope = median(&mut slopes)?;
        let mut offsets: Vec<f64> = points.iter().map(|(x, y)| y - slope * x).collect();
        let at_zero = median(&mut offsets)?;
        let mut distances: Vec<f64> =
            points.iter().map(|(x, y)| (y - slope * x - at_zero).abs()).collect();
        let most = quantile(&mut distances, 0.9)?;
        let deviation = (count * (count - 1.0) * (2.0 * count + 5.0) / 18.0).sqrt();
        Some(Self {
            slope,
            at_zero,
            tau: signs / (count * (count - 1.0) / 2.0),
            z: signs / deviation,
            // A normal distribution has half of its points within 0.6745 deviations.
            spread: median(&mut distances)? / 0.6745,
            most,
        })
    }

    /// Where it is at a time.
    pub(super) fn at(&self, time: f64) -> f64 {
        self.at_zero + self.slope * time
    }
}

/// The one in the middle; `None` if there is none.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    quantile(values, 0.5)
}

fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    let place = ((values.len() as f64 * share) as usize).min(values.len().checked_sub(1)?);
    Some(*values.select_nth_unstable_by(place, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_points_do_not_lead_it_astray() {
        let mut points: Vec<(f64, f64)> =
            (0..40).map(|n| (f64::from(n), 100.0 - 2.0 * f64::from(n))).collect();
        for n in [3, 9, 17, 22, 30, 38] {
            points[n].1 -= 50.0;
        }
        let line = Line::through(&points).unwrap();
        assert!((line.slope + 2.0).abs() < 1e-9 && (line.at(10.0) - 80.0).abs() < 1e-9, "{line:?}");
        assert!(line.spread < 1e-9 && line.tau < -0.6 && line.z < -5.0, "{line:?}");
        assert!(Line::through(&points[..2]).is_none());
    }

    #[test]
    fn what_does_not_change_is_no_trend() {
        let flat: Vec<(f64, f64)> = (0..20).map(|n| (f64::from(n), 7.0)).collect();
        let line = Line::through(&flat).unwrap();
        assert_eq!((line.slope, line.tau, line.z, line.spread), (0.0, 0.0, 0.0, 0.0));
    }
}
