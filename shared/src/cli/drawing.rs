//! A graph as a picture: nodes in the colours of their classes, with the links between them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::html::escape;
use super::paint::colour;

/// The side of the picture's square.
const SIDE: f64 = 640.0;
/// Room around the outermost nodes.
const EDGE: f64 = 14.0;

/// A graph with places for its nodes, such as those of [`layout`](crate::graph::layout).
///
/// # Shapes
/// `places: N x 2`, from 0 to 1; `classes: N`, numbers of `names`; `links: E x 2`, node numbers below N.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// What it shows, as a title.
    pub title: String,
    /// What a reader who cannot see it should know.
    pub alt: String,
    /// Where each node lies.
    pub places: Vec<[f64; 2]>,
    /// The class of each node.
    pub classes: Vec<usize>,
    /// What the classes are called.
    pub names: Vec<String>,
    /// Pairs of nodes.
    pub links: Vec<(usize, usize)>,
}

impl Drawing {
    /// The picture with its legend. Links between nodes of one class have that class's colour, the others are grey; nodes and
    /// links that name what is not there are left out.
    pub(super) fn html(&self, out: &mut String) {
        let _ = write!(
            out,
            "<figure>\n<figcaption>{}</figcaption>\n<div role=\"img\" aria-label=\"{}\">\
             <svg viewBox=\"0 0 {SIDE} {SIDE}\" aria-hidden=\"true\" focusable=\"false\">\n",
            escape(&self.title),
            escape(&self.alt),
        );
        let at = |node: usize| {
            let place = self.places.get(node)?;
            Some(place.map(|c| ((EDGE + c.clamp(0.0, 1.0) * (SIDE - 2.0 * EDGE)) * 10.0).round() / 10.0))
        };
        for &(i, j) in &self.links {
            let (Some([x1, y1]), Some([x2, y2])) = (at(i), at(j)) else { continue };
            let (of, to) = (self.classes.get(i), self.classes.get(j));
            let ink = if of == to { of.map_or("#8a93a0".into(), |&c| colour(c)) } else { "#8a93a0".into() };
            let _ = writeln!(
                out,
                "<path d=\"M{x1} {y1}L{x2} {y2}\" stroke=\"{ink}\" stroke-opacity=\"0.55\" stroke-width=\"1.2\"/>"
            );
        }
        let radius = (110.0 / (self.places.len().max(1) as f64).sqrt()).clamp(3.5, 10.0);
        for (node, class) in self.classes.iter().enumerate() {
            let Some([x, y]) = at(node) else { continue };
            let _ = writeln!(
                out,
                "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius:.1}\" fill=\"{}\" stroke=\"#ffffff\"/>",
                colour(*class)
            );
        }
        out.push_str("</svg></div>\n<ul class=\"legend\">");
        let there: BTreeSet<usize> = self.classes.iter().copied().collect();
        for (class, name) in self.names.iter().enumerate().filter(|(class, _)| there.contains(class)) {
            let _ = write!(
                out,
                "<li><svg class=\"swatch\" viewBox=\"0 0 32 16\" aria-hidden=\"true\"><circle cx=\"16\" cy=\"8\" r=\"6\" \
                 fill=\"{}\"/></svg>{}</li>",
                colour(class),
                escape(name)
            );
        }
        out.push_str("</ul>\n</figure>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_drawn_and_text_is_escaped() {
        let drawing = Drawing {
            title: "<b>".into(),
            alt: "two \"nodes\"".into(),
            places: vec![[0.0, 0.0], [1.0, 1.0]],
            classes: vec![0, 1],
            names: vec!["a".into(), "b".into(), "never".into()],
            links: vec![(0, 1), (0, 7)],
        };
        let mut out = String::new();
        drawing.html(&mut out);
        assert_eq!((out.matches("<circle").count(), out.matches("stroke-opacity").count()), (4, 1), "{out}");
        assert!(out.contains("&lt;b&gt;") && out.contains("two &quot;nodes&quot;") && !out.contains("never"));
        assert!(out.contains("M14 14L626 626"), "{out}");
    }
}
