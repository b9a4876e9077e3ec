//! Tables and JSON as amtool prints them.

use serde::Serialize;

/// Rows of cells, each as wide as the widest of its column and two blanks more, the last one too.
#[derive(Debug)]
pub(in crate::cli) struct Table(Vec<Vec<String>>);

impl Table {
    /// A table with these headings.
    pub(in crate::cli) fn new(headings: &[&str]) -> Self {
        Self(vec![headings.iter().map(|&heading| heading.to_owned()).collect()])
    }

    /// Adds a row.
    pub(in crate::cli) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.push(cells.into_iter().collect());
    }

    /// The lines.
    pub(in crate::cli) fn text(&self) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            self.0
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.0 {
            for (cell, width) in row.iter().zip(&widths) {
                text.push_str(cell);
                text.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
            }
            text.push('\n');
        }
        text
    }
}

/// A value as one line of JSON with Go's escapes.
pub(in crate::cli) fn json_line(value: &impl Serialize) -> anyhow::Result<String> {
    // These stand in texts only.
    let escapes = [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026")];
    let escapes = escapes.into_iter().chain([('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")]);
    let json = serde_json::to_string(value)?;
    Ok(escapes.fold(json, |json, (character, escape)| json.replace(character, escape)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_padded() {
        let mut table = Table::new(&["ID", "Comment"]);
        table.row(["é-long".to_owned(), "x".to_owned()]);
        assert_eq!(table.text(), "ID      Comment  \né-long  x        \n");
        assert_eq!(json_line(&["<a&b>"]).unwrap(), r#"["\u003ca\u0026b\u003e"]"#);
    }
}
