//! The nearest right word for a wrong one.

/// The candidate that is closest to `word`, if one is close enough to be meant: at most a third of its letters
/// inserted, left out, replaced or swapped with their neighbour.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (word.chars().count() / 3).clamp(1, 4);
    let distances = candidates.into_iter().map(|candidate| (distance(word, candidate), candidate));
    distances
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, near)| near)
}

/// Damerau's distance with adjacent swaps, case aside.
fn distance(left: &str, right: &str) -> usize {
    let fold = |text: &str| text.chars().take(64).flat_map(char::to_lowercase).collect::<Vec<_>>();
    let (left, right) = (fold(left), fold(right));
    let mut older: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, &ours) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, &theirs) in right.iter().enumerate() {
            let replaced = last[column] + usize::from(ours != theirs);
            let mut best = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            let swapped = row > 0 && column > 0 && ours == right[column - 1] && left[row - 1] == theirs;
            if swapped {
                best = best.min(older[column - 1] + 1);
            }
            current.push(best);
        }
        older = std::mem::replace(&mut last, current);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let keys = ["timeout", "scheme", "path_prefix", "alert_relabel_configs", "relabel_configs"];
        assert_eq!(nearest("tmeout", keys), Some("timeout"));
        assert_eq!(nearest("Scheme", keys), Some("scheme"));
        assert_eq!(nearest("shceme", keys), Some("scheme"));
        assert_eq!(nearest("alert_relable_configs", keys), Some("alert_relabel_configs"));
        assert_eq!(nearest("bogus", keys), None);
        assert_eq!(nearest("", keys), None);
    }
}
