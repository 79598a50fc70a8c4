"""Words that people use in and above the columns of a table. They never decide what is read, only what to ask."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# column names for entities and relations in public data sets, and in a few other languages
ENTITY = _words(
    "head heads tail tails subject subjects object objects source sources target targets node nodes entity entities "
    "src dst tgt sub subj obj ent start end from to domain range sourceid targetid value h t s o x y u v "
    "kopf schwanz subjekt objekt quelle ziel sujet objet sujeto objeto soggetto oggetto origen destino origem "
    "субъект объект 头实体 尾实体 主语 宾语 主体 客体 主語 目的語"
)
RELATION = _words(
    "relation relations rel predicate predicates edge edges metaedge property prop pred type link interaction "
    "relationship relationships association label r p "
    "beziehung prädikat relación predicado prédicat relazione predicato relação отношение предикат 关系 谓语 関係 述語"
)
# endings of other column names, such as gene_symbol and disease_name
IDENTIFYING = _words(
    "id ids identifier name names symbol symbols label labels curie curies iri uri code accession title index"
)
LETTERS = _words("h r t s p o x y u v")
# column names for which "true" means that something is denied
NEGATING = _words(
    "negated negative negatives negation negate neg not denied denial denies false refuted absent excluded untrue "
    "nonexistent isnot isnegated isnegative isdenied isfalse isabsent isexcluded incorrect wrong invalid rejected "
    "contradicted disproved disproven"
)
# column names for which it means that something is stated
POLAR = _words(
    "label labels truth truthvalue polarity sign stated istated true istrue positive ispositive correct valid"
)
# under these names, a column of nothing but labels may also say it, at any position
OUTCOME = _words(
    "outcome outcomes result results verdict activity hit hits judgement judgment assessment decision presence "
    "observed detected interacts interaction binds active"
)
NULL = _words("null none na n/a nan nil <na>")
# assessments by people: such a column is asked about at any position
SUPPORTED = _words(
    "affirmed asserted stated correct supported supports support confirmed entailment entails proven proved"
)
REFUTED = _words(
    "negated denied incorrect refuted refutes rejected contradicted contradicts contradiction not_stated disproved "
    "disproven"
)
# ambiguous words: asked about only in the last column or under a name that says what they mean
FOR = SUPPORTED | _words("yes y t + positive pos present valid real ja oui si sí да 是 真 对 wahr vrai ✓ ✔ ✅")
AGAINST = REFUTED | _words(
    "no n f - negative neg neg. absent wrong false invalid fake nein non не нет 否 假 错 falsch faux ✗ ✘ ❌"
)
UNDECIDED = _words("unsure unknown uncertain undecided maybe neutral ?") | NULL
# a value with one of these words is the opposite of the rest of it, as in "does not support"
DENYING = _words("not no non never")
HELPING = _words("does do did is are was were has have been")
BEFORE = ("in", "un", "dis", "non", "im", "ir")
