"""The line at the bottom: a sentence, or a question that does not block anything."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QPushButton, QWidget

from tracker.gui.panel import label

Do = Callable[[str], None]
"""Called with what was written, "" if nothing could be."""


class Entry(QLineEdit):
    """A line to write in, which keeps its keys: Enter must not answer the question that follows."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Take a key; Esc alone goes on to the window."""
        super().keyPressEvent(event)
        if event.key() != Qt.Key.Key_Escape:
            event.accept()


class Bar(QFrame):
    """Says what happened, and asks before what cannot be taken back.

    Everything else goes on meanwhile. Enter does it, Esc leaves it.

    Args:
        back_to: Gets the keyboard back after something was written.
    """

    def __init__(self, back_to: QWidget) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._back_to = back_to
        self._do: Do | None = None
        self._leave: Callable[[], None] | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 10, 4)
        self.text = label("")
        self.entry = Entry()
        self.entry.setMaxLength(1000)
        self.entry.returnPressed.connect(self.accept)
        self.yes, self.no = QPushButton(""), QPushButton("Esc: leave it")
        for button in (self.yes, self.no):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.yes.clicked.connect(self.accept)
        self.no.clicked.connect(self.leave)
        row.addWidget(self.text)
        row.addWidget(self.entry, 1)
        row.addWidget(self.yes)
        row.addWidget(self.no)
        row.addStretch(0)
        self.setFixedHeight(40)
        self._clear("")

    @property
    def asks(self) -> bool:
        """Whether a question is open."""
        return self._do is not None

    def say(self, text: str, colour: str = "") -> None:
        """Say a sentence; an open question stays."""
        if not self.asks:
            self._clear(text, colour)

    def ask(
        self,
        question: str,
        doing: str,
        do: Do,
        *,
        leave: Callable[[], None] | None = None,
        writes: bool = False,
    ) -> None:
        """Ask; the question before is left.

        Args:
            question: With all that matters for the answer.
            doing: What Enter does, in a word or two.
            do: Called if the answer is yes.
            leave: Called if it is no.
            writes: Whether something is to be written first.
        """
        if self._leave is not None:
            self._leave()
        self.text.setText(question)
        self.text.setStyleSheet("font-weight: 600;")
        self.yes.setText(f"Enter: {doing}")
        self._do, self._leave = do, leave
        for widget, shown in ((self.yes, True), (self.no, True), (self.entry, writes)):
            widget.setVisible(shown)
        if writes:
            self.entry.clear()
            self.entry.setFocus()

    def change_question(self, question: str) -> None:
        """Say something else in the open question."""
        self.text.setText(question)

    def accept(self) -> None:
        """Yes."""
        do, written = self._do, self.entry.text().strip() if self.entry.isVisible() else ""
        if do is None or (self.entry.isVisible() and not written):
            return
        self._clear("")
        do(written)

    def leave(self) -> None:
        """No."""
        leave = self._leave
        self._clear("")
        if leave is not None:
            leave()

    def _clear(self, text: str, colour: str = "") -> None:
        self._do = self._leave = None
        self.text.setText(text)
        self.text.setStyleSheet(f"color: {colour};" if colour else "")
        if self.entry.hasFocus():
            self._back_to.setFocus()
        for widget in (self.entry, self.yes, self.no):
            widget.setVisible(False)
