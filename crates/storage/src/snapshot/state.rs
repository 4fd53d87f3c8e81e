use tree::{NodeView, Tree, View};

/// A tree's state at one transaction, to be written as a snapshot.
pub trait State {
    /// Everything but the nodes.
    fn view(&self) -> &View;

    /// Shows the next nodes, as [`View::show`] does; returns whether there are more. The tree may
    /// change between calls.
    fn show(&mut self, visit: &mut dyn FnMut(NodeView<'_>) -> bool) -> bool;
}

/// The state of a tree that stays as it is meanwhile.
pub struct AtRest<'t> {
    tree: &'t mut Tree,
    view: View,
}

impl<'t> AtRest<'t> {
    /// The tree's state now.
    pub fn new(tree: &'t mut Tree) -> AtRest<'t> {
        let view = tree.view();
        AtRest { tree, view }
    }
}

impl State for AtRest<'_> {
    fn view(&self) -> &View {
        &self.view
    }

    fn show(&mut self, visit: &mut dyn FnMut(NodeView<'_>) -> bool) -> bool {
        self.view.show(self.tree, visit)
    }
}

impl Drop for AtRest<'_> {
    fn drop(&mut self) {
        drop(self.tree.end_view(&self.view));
    }
}
