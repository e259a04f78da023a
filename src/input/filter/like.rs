/// A pattern of SQL's LIKE: `%` is any text, `_` any one character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Token>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Text,
    Any,
    Character(char),
}

impl Pattern {
    /// Reads a pattern; what stands behind the escape character is meant as it is.
    pub(super) fn parse(pattern: &str, escape: Option<char>) -> Result<Pattern, String> {
        let mut tokens = Vec::new();
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            tokens.push(match character {
                _ if Some(character) == escape => {
                    let escaped = characters.next();
                    Token::Character(escaped.ok_or_else(|| format!("nothing stands behind the escape in {pattern:?}"))?)
                }
                '%' => Token::Text,
                '_' => Token::Any,
                _ => Token::Character(character),
            });
        }
        tokens.dedup_by(|a, b| (*a, *b) == (Token::Text, Token::Text));
        Ok(Pattern(tokens))
    }

    /// Whether all of `text` is as the pattern says.
    pub(super) fn matches(&self, text: &str) -> bool {
        let mut rest = text.chars();
        let mut at = 0;
        // Where to go on when what follows the last `%` does not fit: one character further.
        let mut again = None;
        loop {
            match self.0.get(at) {
                Some(Token::Text) => {
                    at += 1;
                    again = Some((at, rest.clone()));
                    continue;
                }
                Some(Token::Any) if rest.clone().next().is_some() => {
                    rest.next();
                    at += 1;
                    continue;
                }
                Some(Token::Character(wanted)) if rest.clone().next() == Some(*wanted) => {
                    rest.next();
                    at += 1;
                    continue;
                }
                None if rest.clone().next().is_none() => return true,
                _ => {}
            }
            let Some((token, from)) = &mut again else { return false };
            if from.next().is_none() {
                return false;
            }
            (at, rest) = (*token, from.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a%", "a", true),
            ("a%", "ba", false),
            ("%a", "bca", true),
            ("%a%", "bcd", false),
            ("a_c", "aéc", true),
            ("a_c", "ac", false),
            ("%", "", true),
            ("_", "", false),
            ("%ab%ab", "abxabab", true),
            ("%ab%ab", "abxab", true),
            ("%abab", "abab", true),
            ("%abc", "ababc", true),
            ("a!%", "a%", true),
            ("a!%", "ab", false),
            ("%%_%%", "x", true),
        ] {
            assert_eq!(Pattern::parse(pattern, Some('!')).unwrap().matches(text), expected, "{pattern} {text}");
        }
        assert!(Pattern::parse("a!", Some('!')).is_err());
        assert!(Pattern::parse("a!", None).unwrap().matches("a!"));
    }
}
