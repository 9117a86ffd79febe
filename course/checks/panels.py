"""The six questions that are answered with a panel in a lesson, not in a function."""

from dataclasses import dataclass

WORDS = "answered in the lesson"


@dataclass(frozen=True)
class PanelQuestion:
    """What progress and `next` say of a question; grading it needs its panel."""

    number: str
    name: str
    title: str
    minutes: int = 5

    @property
    def label(self) -> str:
        """Number and name, as every message begins."""
        return f"{self.number} {self.name}"

    @property
    def chapter(self) -> str:
        """The chapter's two digits."""
        return self.number.split(".")[0].zfill(2)

    @property
    def facts(self) -> str:
        """Minutes, and where it is answered."""
        return f"{self.minutes} minutes · {WORDS}"


QUESTIONS = (
    PanelQuestion("1.5", "temperature_for_entropy", "A temperature for two bits"),
    PanelQuestion("2.6", "previous_token_head", "The head that looks one token back"),
    PanelQuestion("5.6", "mix_that_beats_its_parts", "A mix that beats its parts"),
    PanelQuestion("6.6", "agreement_with_the_crowd", "You and the crowd"),
    PanelQuestion("7.6", "order_by_reward", "An order by reward"),
    PanelQuestion("9.6", "variance_ratio", "What a baseline is worth"),
)
