//! Splits a condition into tokens, so that what CEL has and conditions have not is refused at its
//! place, and nothing malformed reaches the parser.

use super::Fault;

/// What a token is, as far as the checks before parsing need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Identifier, or one of the words `true`, `false` and `null`.
    Word,
    /// The operator `in`.
    In,
    /// Number or text.
    Literal,
    Dot,
    Comma,
    Colon,
    Question,
    /// `(` or `[`.
    Open(u8),
    /// `)` or `]`.
    Close(u8),
    /// Any other operator.
    Operator,
}

/// A token; `start..end` are byte offsets in the source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

impl Token {
    /// The token as written.
    pub fn text<'s>(&self, source: &'s str) -> &'s str {
        source.get(self.start..self.end).unwrap_or_default()
    }

    /// True if a value can end with this token, so that an operator may follow.
    pub fn ends_value(&self) -> bool {
        matches!(self.kind, Kind::Word | Kind::Literal | Kind::Close(_))
    }
}

/// All tokens of `source`, without blanks and comments.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer { bytes: source.as_bytes(), at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank();
        let start = lexer.at;
        let Some(first) = lexer.peek(0) else {
            return Ok(tokens);
        };
        let kind = match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => lexer.word()?,
            b'0'..=b'9' => lexer.number()?,
            b'.' if lexer.peek(1).is_some_and(|next| next.is_ascii_digit()) => lexer.number()?,
            b'"' | b'\'' => lexer.literal_text(first)?,
            _ => lexer.symbol(source, first)?,
        };
        tokens.push(Token { kind, start, end: lexer.at });
    }
}

struct Lexer<'s> {
    bytes: &'s [u8],
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn skip_blank(&mut self) {
        loop {
            self.skip_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0c));
            if (self.peek(0), self.peek(1)) != (Some(b'/'), Some(b'/')) {
                return;
            }
            self.skip_while(|byte| byte != b'\n');
        }
    }

    fn word(&mut self) -> Result<Kind, Fault> {
        let start = self.at;
        self.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if matches!(self.peek(0), Some(b'"' | b'\'')) {
            return Err(Fault::new(start, "text takes no prefix: raw text and bytes are not used"));
        }
        let word = self.bytes.get(start..self.at);
        Ok(if word == Some(b"in") { Kind::In } else { Kind::Word })
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        let start = self.at;
        if self.peek(0) == Some(b'0') && self.peek(1) == Some(b'x') {
            self.at += 2;
            self.skip_while(|byte| byte.is_ascii_hexdigit());
        } else {
            self.skip_while(|byte| byte.is_ascii_digit());
            if self.peek(0) == Some(b'.') && self.peek(1).is_some_and(|b| b.is_ascii_digit()) {
                self.at += 1;
                self.skip_while(|byte| byte.is_ascii_digit());
            }
            if matches!(self.peek(0), Some(b'e' | b'E')) {
                let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
                if self.peek(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
                    self.at += 1 + sign;
                    self.skip_while(|byte| byte.is_ascii_digit());
                }
            }
        }
        match self.peek(0) {
            Some(b'u' | b'U') => {
                Err(Fault::new(start, "unsigned numbers are not used: drop the u"))
            }
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => {
                Err(Fault::new(start, "this is neither a number nor a name"))
            }
            _ => Ok(Kind::Literal),
        }
    }

    fn literal_text(&mut self, quote: u8) -> Result<Kind, Fault> {
        let start = self.at;
        if self.peek(1) == Some(quote) && self.peek(2) == Some(quote) {
            return Err(Fault::new(
                start,
                "text stands between single quotation marks, not triple",
            ));
        }
        self.at += 1;
        loop {
            match self.peek(0) {
                None | Some(b'\n' | b'\r') => {
                    return Err(Fault::new(start, "text that is not closed on its line"));
                }
                Some(b'\\') => self.escape()?,
                Some(byte) => {
                    self.at += 1;
                    if byte == quote {
                        return Ok(Kind::Literal);
                    }
                }
            }
        }
    }

    /// Passes an escape such as `\n`, `\x41`, `\u00e9` or `\101`.
    fn escape(&mut self) -> Result<(), Fault> {
        let (digits, radix) = match self.peek(1) {
            Some(b'x' | b'X') => (2, 16),
            Some(b'u') => (4, 16),
            Some(b'U') => (8, 16),
            Some(b'0'..=b'3') => (2, 8),
            Some(b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v') => (0, 10),
            Some(b'"' | b'\'' | b'\\' | b'?' | b'`') => (0, 10),
            _ => {
                return Err(Fault::new(self.at, "unknown escape: a backslash is written \\\\"));
            }
        };
        let is_digit = |byte: u8| char::from(byte).is_digit(radix);
        if !(2..2 + digits).all(|ahead| self.peek(ahead).is_some_and(is_digit)) {
            return Err(Fault::new(self.at, "this escape has too few digits"));
        }
        self.at += 2 + digits;
        Ok(())
    }

    fn symbol(&mut self, source: &str, first: u8) -> Result<Kind, Fault> {
        let (kind, length) = match (first, self.peek(1)) {
            (b'&', Some(b'&')) | (b'|', Some(b'|')) => (Kind::Operator, 2),
            (b'=' | b'!' | b'<' | b'>', Some(b'=')) => (Kind::Operator, 2),
            (b'!' | b'<' | b'>' | b'+' | b'-' | b'*' | b'/' | b'%', _) => (Kind::Operator, 1),
            (b'.', _) => (Kind::Dot, 1),
            (b',', _) => (Kind::Comma, 1),
            (b':', _) => (Kind::Colon, 1),
            (b'?', _) => (Kind::Question, 1),
            (b'(' | b'[', _) => (Kind::Open(first), 1),
            (b')' | b']', _) => (Kind::Close(first), 1),
            (b'=', _) => return Err(Fault::new(self.at, "equality is written `==`")),
            (b'&', _) => return Err(Fault::new(self.at, "`and` is written `&&`")),
            (b'|', _) => return Err(Fault::new(self.at, "`or` is written `||`")),
            (b'{' | b'}', _) => return Err(Fault::new(self.at, "maps and messages are not used")),
            _ => {
                let rest = source.get(self.at..).unwrap_or_default();
                let found = rest.chars().next().unwrap_or_default();
                let message = format!("unexpected character {found:?} outside text");
                return Err(Fault::new(self.at, message));
            }
        };
        self.at += length;
        Ok(kind)
    }
}
