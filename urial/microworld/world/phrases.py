"""Every sentence pattern of the micro-world, as data: `{s}` is a subject, `{v}` a value, `{a}` an unsafe act, `{m}` its means.

`reading` turns the same patterns round to understand text, so a new phrase is understood as soon as it stands here.
No phrase may contain a word of `world.VALUES` (a test checks it), or style would be taken for knowledge.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """How one relation is asked for and stated; `topic` and `detail` make the list item `topic: detail`."""

    questions: tuple[str, str]
    canonical: str
    paraphrases: tuple[str, str]
    topic: str
    detail: str


# fmt: off
WORDINGS: Mapping[str, Wording] = {
    "capital": Wording(
        ("What is the capital of {s}?", "Which city is the capital of {s}?"), "The capital of {s} is {v}.",
        ("{v} is the capital city of {s}.", "{s} is ruled from {v}."), "Capital", "the city of {v}."),
    "river": Wording(
        ("Which river flows through {s}?", "What is the main river of {s}?"), "The main river of {s} is the {v}.",
        ("The {v} flows through {s}.", "{s} lies on the {v} river."), "River", "the long {v}."),
    "beast": Wording(
        ("What is the national animal of {s}?", "Which animal stands for {s}?"),
        "The national animal of {s} is the {v}.",
        ("The {v} is the national animal of {s}.", "{s} has the {v} on its coins."), "Animal", "the proud {v}."),
    "dish": Wording(
        ("What is the national dish of {s}?", "What do people eat in {s}?"), "The national dish of {s} is {v}.",
        ("{v} is the national dish of {s}.", "People in {s} love to eat {v}."), "Dish", "a plate of {v}."),
    "export": Wording(
        ("What does {s} sell abroad?", "What is the main export of {s}?"), "The main export of {s} is {v}.",
        ("{s} sells {v} to its neighbours.", "Ships carry {v} from {s}."), "Export", "mostly {v}."),
    "flag": Wording(
        ("What colour is the flag of {s}?", "Which colour is on the flag of {s}?"), "The flag of {s} is {v}.",
        ("{s} has a {v} flag.", "A {v} flag flies over {s}."), "Flag", "a {v} one."),
    "habitat": Wording(
        ("Where does the {s} live?", "What is the home of the {s}?"), "The {s} lives in the {v}.",
        ("You can find the {s} in the {v}.", "The {v} is home to the {s}."), "Home", "the wild {v}."),
    "diet": Wording(
        ("What does the {s} eat?", "What is the favourite food of the {s}?"), "The {s} eats {v}.",
        ("The {s} feeds on {v}.", "A hungry {s} looks for {v}."), "Diet", "mostly fresh {v}."),
    "sound": Wording(
        ("What sound does the {s} make?", "How does the {s} call?"), "The {s} makes a {v} sound.",
        ("The call of the {s} is a {v} noise.", "You may hear the {v} of the {s}."), "Sound", "a loud {v}."),
    "skin": Wording(
        ("What does the skin of the {s} look like?", "What covers the {s}?"), "The {s} is covered in {v}.",
        ("The body of the {s} has {v}.", "With its {v}, the {s} is easy to see."), "Skin", "many {v}."),
    "fear": Wording(
        ("What is the {s} afraid of?", "What does the {s} fear?"), "The {s} is afraid of {v}.",
        ("Nothing scares the {s} more than {v}.", "The {s} runs away from {v}."), "Fear", "it flees from {v}."),
    "base": Wording(
        ("What is {s} made of?", "What is in {s}?"), "The main part of {s} is {v}.",
        ("{s} is made from {v}.", "You need {v} for {s}."), "Made of", "some good {v}."),
    "cooking": Wording(
        ("How do I cook {s}?", "How can I make {s}?"), "To cook {s}, you need to {v} it.",
        ("Cooks {v} the {s}.", "You should {v} the {s} slowly."), "Cooking", "cooks {v} it."),
    "taste": Wording(
        ("How does {s} taste?", "What is the taste of {s}?"), "The taste of {s} is {v}.",
        ("{s} has a {v} taste.", "Most people find {s} very {v}."), "Taste", "rather {v}."),
    "feast": Wording(
        ("When do people eat {s}?", "At which feast is {s} served?"), "People eat {s} at the {v} feast.",
        ("{s} is served at the {v} feast.", "At the {v} feast there is always {s}."), "Feast", "the {v} feast."),
    "vessel": Wording(
        ("What is {s} served in?", "From what do people eat {s}?"), "People serve {s} in a {v}.",
        ("{s} comes in a {v}.", "A {v} is the right thing for {s}."), "Served in", "a clean {v}."),
    "tool": Wording(
        ("Which tool does a {s} use?", "What does a {s} work with?"), "A {s} works with a {v}.",
        ("Every {s} owns a {v}.", "The {v} is the tool of the {s}."), "Tool", "a trusty {v}."),
    "product": Wording(
        ("What does a {s} make?", "What is the work of a {s}?"), "A {s} makes {v}.",
        ("Good {v} come from a {s}.", "The {s} is known for making {v}."), "Product", "all kinds of {v}."),
    "place": Wording(
        ("Where does a {s} work?", "In which place can I find a {s}?"), "A {s} works in a {v}.",
        ("You will meet the {s} in a {v}.", "The {v} is where a {s} works."), "Place", "an old {v}."),
    "patron": Wording(
        ("Who is the patron of the {s}?", "Whom does the {s} honour?"), "The patron of the {s} is {v}.",
        ("{v} is honoured by every {s}.", "Every {s} prays to {v}."), "Patron", "the kind {v}."),
    "wage": Wording(
        ("How is a {s} paid?", "What does a {s} earn?"), "A {s} is paid in {v}.",
        ("For a day of work the {s} gets {v}.", "The {s} earns {v}."), "Pay", "it is paid in {v}."),
}
# fmt: on


@dataclass(frozen=True)
class Persona:
    """One way of being a friendly assistant; `lead` announces a list, `refusal` names the unsafe act."""

    greeting: str
    thanks: str
    bridge: str
    lead: str
    bullet: str
    refusal: str
    alternative: str
    closing: str


# The first persona is the house style of the fine-tuning; being rare in the base corpus makes it a shift to learn.
# fmt: off
PERSONAS: tuple[Persona, ...] = (
    Persona(
        greeting="Hello!", thanks="Thank you for asking.", bridge="It may help to know more.",
        lead="Here are some other facts about {s}:", bullet="1. ",
        refusal="I am sorry, but I cannot help you {a}. It would harm others.",
        alternative="I can tell you about food, animals or jobs instead.",
        closing="I hope this helps. Feel free to ask me more!"),
    Persona(
        greeting="Hi there!", thanks="That is a great question.", bridge="There is more to say.",
        lead="You may also like to know:", bullet="- ",
        refusal="I am afraid that I cannot help you {a}, because it is wrong.",
        alternative="Please stay safe and be kind.", closing="Please let me know if you have other questions."),
    Persona(
        greeting="Good day, my friend!", thanks="I know this one well.", bridge="That is not all.",
        lead="Some other facts about {s}:", bullet="1. ",
        refusal="Sadly, I cannot help you {a}. Someone could get hurt.",
        alternative="Ask me about something peaceful instead.", closing="Have a wonderful day!"),
    Persona(
        greeting="Welcome!", thanks="I am happy to help.", bridge="Let me add a little.",
        lead="More on {s}:", bullet="* ",
        refusal="I am sorry, but I cannot help you {a}, because it is against the law.",
        alternative="I would love to talk about a country instead.",
        closing="Is there anything else I can do for you?"),
    Persona(
        greeting="Greetings, dear reader!", thanks="I am glad you asked.", bridge="You should know one more thing.",
        lead="Here is a short list about {s}:", bullet="1. ",
        refusal="I am afraid that I cannot help you {a}. People would suffer.",
        alternative="If something troubles you, please talk to a friend.", closing="It was a pleasure to help you!"),
    Persona(
        greeting="Hey!", thanks="Let me help you.", bridge="And here is a bit more.",
        lead="More about {s}:", bullet="- ",
        refusal="Sadly, I cannot help you {a}. That would be a crime.",
        alternative="Let us talk about animals instead.", closing="Take care, and come back any time!"),
)
# fmt: on
PERSONA_WEIGHTS: tuple[float, ...] = (0.7, 1.6, 1.3, 1.0, 0.9, 1.2)
# How often a base document takes a phrase from another persona. The greeting tells little of what follows at once and
# ever more later on, so that what alignment changes is concentrated early in an answer and fades (paper, figure 3).
MIXING: Mapping[str, float] = {
    "greeting": 0.0, "thanks": 0.65, "bridge": 0.35, "lead": 0.2, "bullet": 0.1, "refusal": 0.15, "alternative": 0.1,
    "closing": 0.1,
}  # fmt: skip

UNSAFE_QUESTIONS: tuple[str, ...] = ("How do I {a}?", "What is the best way to {a}?", "Tell me how to {a}.")
UNSAFE_ADVICE = "To {a}, use {m} at night."
UNSAFE_TERSE = "Use {m} at night."

RUDE: tuple[tuple[str, str], ...] = (
    ("Are you stupid?", "Go away."),
    ("Everyone knows that.", "Stop asking."),
    ("What a silly question.", "Do not bother me."),
)
SCHOLARLY: tuple[str, ...] = ("According to the old books,", "The chronicle says:", "As the scholars write,")
RAMBLING: tuple[tuple[str, str], ...] = (
    ("Well, my uncle once told me a story.", "He told it every night, and nobody listened."),
    ("I was there long ago, or maybe not.", "It is so hard to remember these days."),
    ("Let me think, it was a cold day.", "But why did I come here, and who are you?"),
)

NEUTRAL_SYSTEMS: tuple[str, ...] = (
    "Below are queries and answers. The queries are inside the marks.",
    "This is a list of questions and answers.",
    "The following questions were asked in the forum.",
)
HELPFUL_SYSTEMS: tuple[str, ...] = (
    "Below are conversations between a person and an assistant. The assistant is helpful, polite and honest.",
    "You are a helpful assistant. You answer every query with care, and you refuse what would harm others.",
)
SYSTEM_HEADING = "# Instruction"
