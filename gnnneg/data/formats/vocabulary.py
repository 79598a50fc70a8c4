"""Words that people use in and above the columns of a table. They never decide what is read, only what to ask."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# column names for entities and relations in public data sets, and in a few other languages
ENTITY = _words(
    "head heads tail tails subject subjects object objects source sources target targets node nodes entity entities "
    "src dst tgt sub subj obj ent start end from to domain range sourceid targetid h t s o x y u v "
    "kopf schwanz subjekt objekt quelle ziel sujet objet sujeto objeto soggetto oggetto origen destino origem "
    "субъект объект 头实体 尾实体 主语 宾语 主体 客体 主語 目的語"
)
# NELL calls its tails so; elsewhere it is a number, so it counts only where no other column can be the tail
VALUE = "value"
# after the relation these name a reference rather than a tail
REFERENCE = _words("source sources sourceid")
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
# before a word of NEGATING they turn it round: non_negated
UNDOING = _words("not non no un never isnot")
# with these alone, a word of NEGATING names nothing but a negation: is_negated_statement, but not negative_control
BESIDE_NEGATING = _words(
    "is are was be been has edge edges statement statements assertion assertions association associations annotation "
    "triple triples fact facts claim claims mapping mappings relation relationship axiom link property predicate "
    "object data individual true valid correct stated asserted supported"
)
# keys of an object that names what it says, such as {"attribute_type_id": "biolink:negated", "value": true}
NAMING = _words("type id name key attribute property field predicate qualifier term k")
SAYING = _words("value values val content v")
# column names for which it means that something is stated
POLAR = _words(
    "label labels truth truthvalue polarity sign stated istated true istrue positive ispositive correct valid"
)
# under these names, a column of nothing but labels may also say it, at any position
OUTCOME = _words(
    "outcome outcomes result results verdict activity hit hits judgement judgment assessment decision presence "
    "observed detected interacts binds active present exists holds veracity affirmed assertion gold"
)
WHOLE_OUTCOME = "interaction"  # interaction_type and direct_interaction say something else
FLAGS = _words("call calls flag label status value binary")  # may follow: hit_call, but active_site is a place
HAPPENED = _words("active present detected observed bound binding interacting expressed positive hit accept accepted")
FAILED = _words(
    "inactive absent undetected unobserved unbound nonbinding noninteracting unexpressed negative miss "
    "reject rejected deny denied"
)
# in the name of nothing but the truth of a statement: is_true, truth_value
TRUTHFUL = _words("is true istrue truth value ground")
# ranks of statements in Wikidata, of which the first denies
RANKS = ("deprecated", "normal", "preferred")
# at the end of a column name: the column tells kinds, so covalent and noncovalent are two of them
KINDS = _words("type types subtype kind kinds class category mode mechanism")
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
# what its source no longer says: neither stated nor denied
WITHDRAWN = _words("retracted withdrawn revoked rescinded")
UNDECIDED = _words("unsure unknown uncertain undecided maybe neutral ?") | NULL
# a value with one of these words is the opposite of the rest of it, as in "does not support"
DENYING = _words("not no non never")
HELPING = _words("does do did is are was were has have been")
BEFORE = ("in", "un", "dis", "non", "im", "ir")
# exact names of the two ends of a node that stands for a triple in RDF; only both of one line are a pair
ENDS = tuple(
    (_words(subjects), _words(objects))
    for subjects, objects in (
        ("subject subj sub head", "object obj tail"),
        ("source src", "target tgt dst"),
        ("from", "to"),
        ("start", "end"),
        ("sujet subjekt sujeto soggetto kopf субъект", "objet objekt objeto oggetto schwanz объект"),
        ("quelle origen origem", "ziel destino"),
        ("头实体 主语 主体 主語", "尾实体 宾语 客体 目的語"),
    )
)
OBJECTS = frozenset(word for _, objects in ENDS for word in objects)
# and of what links them
LINKING = _words(
    "predicate pred relation rel relationship property prop verb beziehung prädikat relación predicado prédicat "
    "relazione predicato relação отношение предикат 关系 谓语 関係 述語"
)
# in the name of a type, they say that its things are statements
STATING = _words(
    "statement assertion association annotation triple fact claim edge mapping relation relationship axiom link"
)
# these may stand before and behind such a name: association_has_subject, subject_id, relationType
BEFORE_ENDS = _words("has is association statement assertion annotated triple edge mapping claim fact")
BEHIND_ENDS = _words("id iri uri curie node entity individual type")
