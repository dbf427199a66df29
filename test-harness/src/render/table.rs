//! Tables.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::Screen;

/// A line under the head, and none elsewhere.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('-').junction('-'));

/// A table with a line under its head and none around it. Columns whose numbers are in `numeric`
/// are aligned to the right.
pub fn table(screen: Screen, head: &[&str], rows: &[Vec<String>], numeric: &[usize]) -> String {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(head.iter().map(ToString::to_string).collect::<Vec<_>>());
    table.add_rows(rows.iter().cloned());
    for column in numeric {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if let Some(width) = screen.width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    let mut out = String::new();
    for line in table.lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
