//! Where the demo prints: lines that stay, and on a terminal one last line that moves.
//!
//! A reader that went away (`| head`) is no fault: [`Screen::is_closed`] says so and the demo ends.

use std::io::Write;

/// See the module.
pub struct Screen<'w> {
    out: &'w mut dyn Write,
    terminal: bool,
    moving: bool,
    closed: bool,
}

impl<'w> Screen<'w> {
    /// A screen; only a terminal gets the line that moves.
    pub fn new(out: &'w mut dyn Write, terminal: bool) -> Screen<'w> {
        Screen {
            out,
            terminal,
            moving: false,
            closed: false,
        }
    }

    /// A line that stays.
    pub fn line(&mut self, text: &str) {
        self.wipe();
        self.write(&format!("{text}\n"));
    }

    /// The last line, in place of the one before; nothing where there is no terminal.
    pub fn moving(&mut self, text: &str) {
        if self.terminal {
            self.wipe();
            self.write(text);
            self.moving = true;
        }
    }

    /// Whether it is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// True when nobody reads any more.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes the moving line away.
    pub fn wipe(&mut self) {
        if self.moving {
            self.write("\r\x1b[K");
            self.moving = false;
        }
    }

    fn write(&mut self, text: &str) {
        let written = self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush());
        self.closed |= written.is_err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(terminal: bool, expected: &str) {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, terminal);
        screen.moving("one");
        screen.moving("two");
        screen.line("three");
        assert!(!screen.is_closed());
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn only_a_terminal_has_a_line_that_moves() {
        check(true, "one\r\x1b[Ktwo\r\x1b[Kthree\n");
        check(false, "three\n");
    }
}
