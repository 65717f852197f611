"""Exercises with a figure, one or more of each position and kind of movement, for what draws and
simulates bodies. They are no library: ranges and doses are round figures.
"""

from typing import Any, Final

from motion.template import ExerciseTemplate

_TEMPO: Final[dict[str, Any]] = {
    "out_s": [1.0, 3.0],
    "hold_s": [0.0, 2.5],
    "back_s": [1.0, 3.0],
}


def _document(id: str, position: str, sensors: dict[str, str], **fields: Any) -> dict[str, Any]:
    return {
        "id": id,
        "version": 1,
        "name": id.replace("-", " ").capitalize(),
        "region": "other",
        "position": position,
        "sensors": {slot: {"placement": place} for slot, place in sensors.items()},
        "tempo": _TEMPO,
        **fields,
    }


def _range(minimum_deg: float, goal_deg: float, limit_deg: float) -> dict[str, float]:
    return {
        "count_from_deg": 0.4 * minimum_deg,
        "minimum_deg": minimum_deg,
        "goal_deg": goal_deg,
        "limit_deg": limit_deg,
    }


def _joint(proximal: str, distal: str, axis: str) -> dict[str, str]:
    return {"kind": "joint", "proximal": proximal, "distal": distal, "axis": axis}


def _segment(segment: str, axis: str) -> dict[str, str]:
    return {"kind": "segment", "segment": segment, "axis": axis}


def _tilt(name: str, segment: str, limit_deg: float) -> dict[str, Any]:
    return {
        "name": name,
        "segment": segment,
        "axis": "tilt",
        "limit_deg": limit_deg,
        "cue": "Keep still",
    }


_LAP: Final = {"shoulder_flexion": 20, "elbow_flexion": 50}
_HOOK: Final = {"hip_flexion": 45, "knee_flexion": 90, "ankle_dorsiflexion": -25}
_CLAM: Final = {"hip_flexion": 30, "knee_flexion": 65}

DOCUMENTS: Final[tuple[dict[str, Any], ...]] = (
    _document(
        "low-back-bend",
        "standing",
        {"pelvis": "front", "thorax": "front"},
        movement=_joint("pelvis", "thorax", "flexion"),
        range=_range(30, 45, 70),
        compensations=[_tilt("pelvis_tilt", "pelvis", 20)],
        figure={"peak": {"lumbar_flexion": 45, "neck_flexion": 10, "shoulder_flexion": 35}},
    ),
    _document(
        "squat",
        "standing",
        {"thigh": "front", "thorax": "front"},
        movement=_segment("thigh", "flexion"),
        range=_range(40, 60, 95),
        compensations=[_tilt("trunk_lean", "thorax", 45)],
        figure={
            "peak": {
                "hip_flexion": 85,
                "pelvis_flexion": 25,
                "knee_flexion": 82,
                "ankle_dorsiflexion": 22,
                "shoulder_flexion": 85,
                "lumbar_flexion": 5,
                "neck_flexion": -20,
            }
        },
    ),
    _document(
        "heel-raise",
        "standing",
        {"shank": "front", "foot": "top"},
        side="right",
        movement=_joint("shank", "foot", "plantarflexion"),
        range=_range(15, 30, 60),
        figure={"peak": {"ankle_dorsiflexion": -30}},
    ),
    _document(
        "arm-abduction",
        "standing",
        {"thorax": "front", "upper_arm": "outside"},
        side="right",
        movement=_joint("thorax", "upper_arm", "abduction"),
        range=_range(60, 120, 160),
        compensations=[_tilt("trunk_lean", "thorax", 12)],
        figure={"view": "front", "peak": {"right_shoulder_abduction": 120}},
    ),
    _document(
        "watch-flexion",
        "standing",
        {"wrist": "wrist"},
        side="right",
        movement={"kind": "dominant", "sensor": "wrist"},
        range=_range(60, 110, 200),
        figure={"peak": {"right_shoulder_flexion": 110}},
    ),
    _document(
        "learned-curl",
        "standing",
        {"forearm": "wrist"},
        side="right",
        movement={
            "kind": "learned",
            "axes": {"forearm": {"axis": [1, 0, 0], "start_up": [0, 1, 0]}},
        },
        range=_range(60, 100, 150),
        figure={
            "rest": {"right_elbow_pronation": -80},
            "peak": {"right_elbow_pronation": -80, "right_elbow_flexion": 100},
        },
    ),
    _document(
        "side-bend",
        "standing",
        {"pelvis": "back", "thorax": "back"},
        direction="both",
        movement=_joint("pelvis", "thorax", "bend_right"),
        range=_range(12, 25, 45),
        figure={"view": "front", "peak": {"lumbar_bend_right": 25, "neck_bend_right": 10}},
    ),
    _document(
        "hip-march",
        "standing",
        {"pelvis": "back", "thigh": "front"},
        side="right",
        movement=_joint("pelvis", "thigh", "flexion"),
        range=_range(40, 70, 110),
        figure={"peak": {"right_hip_flexion": 70, "right_knee_flexion": 75}},
    ),
    _document(
        "knee-extension",
        "seated",
        {"thigh": "front", "shank": "front"},
        side="right",
        movement=_joint("thigh", "shank", "extension"),
        range=_range(45, 75, 100),
        figure={
            "fixed": "pelvis",
            "rest": _LAP,
            "peak": {**_LAP, "right_knee_flexion": -75, "right_ankle_dorsiflexion": 10},
        },
    ),
    _document(
        "sit-to-stand",
        "seated",
        {"thigh": "front"},
        movement=_segment("thigh", "extension"),
        range=_range(60, 88, 110),
        figure={
            "fixed": "feet",
            "rest": {"shoulder_flexion": 20, "elbow_flexion": 40, "knee_flexion": 12,
                     "ankle_dorsiflexion": 12},
            "peak": {"hip_flexion": -88, "knee_flexion": -88},
        },
    ),
    _document(
        "neck-turn",
        "seated",
        {"thorax": "front", "head": "front"},
        direction="both",
        movement=_joint("thorax", "head", "turn_left"),
        range=_range(30, 60, 90),
        figure={
            "view": "front",
            "fixed": "pelvis",
            "rest": _LAP,
            "peak": {**_LAP, "neck_turn_left": 60},
        },
    ),
    _document(
        "leg-raise",
        "supine",
        {"pelvis": "front", "thigh": "front"},
        side="right",
        movement=_segment("thigh", "flexion"),
        range=_range(30, 60, 95),
        compensations=[_tilt("pelvis_tilt", "pelvis", 12)],
        figure={
            "fixed": "pelvis",
            "rest": {"left_hip_flexion": 45, "left_knee_flexion": 90,
                     "left_ankle_dorsiflexion": -25},
            "peak": {"left_hip_flexion": 45, "left_knee_flexion": 90,
                     "left_ankle_dorsiflexion": -25, "right_hip_flexion": 60,
                     "right_ankle_dorsiflexion": 15},
        },
    ),
    _document(
        "bridge",
        "supine",
        {"pelvis": "front"},
        movement={"kind": "hold", "segment": "pelvis", "axis": "posterior_tilt"},
        range={"target_deg": 32, "band_deg": 8},
        tempo={"hold_s": [5, 10]},
        figure={
            "fixed": "thorax",
            "rest": _HOOK,
            "peak": {
                "pelvis_flexion": -32,
                "hip_flexion": 0,
                "knee_flexion": 84,
                "ankle_dorsiflexion": -18,
                "neck_flexion": 25,
                "shoulder_flexion": -32,
            },
        },
    ),
    _document(
        "knee-bend",
        "prone",
        {"thigh": "back", "shank": "back"},
        side="right",
        movement=_joint("thigh", "shank", "flexion"),
        range=_range(50, 90, 130),
        figure={
            "fixed": "pelvis",
            "peak": {"right_knee_flexion": 90, "right_ankle_dorsiflexion": 45},
        },
    ),
    _document(
        "back-extension",
        "prone",
        {"thorax": "back", "pelvis": "back"},
        movement=_segment("thorax", "extension"),
        range=_range(10, 20, 40),
        compensations=[_tilt("pelvis_tilt", "pelvis", 10)],
        figure={"fixed": "pelvis", "peak": {"lumbar_flexion": -20, "neck_flexion": -5}},
    ),
    _document(
        "plank",
        "prone",
        {"pelvis": "back"},
        movement={"kind": "hold", "segment": "pelvis", "axis": "extension"},
        range={"target_deg": 12, "band_deg": 6},
        tempo={"hold_s": [10, 30]},
        figure={
            "fixed": "hands_and_feet",
            "rest": {"shoulder_flexion": 90, "elbow_flexion": 90, "elbow_pronation": 60,
                     "shoulder_abduction": -12, "lumbar_flexion": -20, "pelvis_flexion": 3,
                     "neck_flexion": -5, "ankle_dorsiflexion": 40},
            "peak": {"shoulder_flexion": 80, "elbow_flexion": 90, "elbow_pronation": 60,
                     "shoulder_abduction": -12, "pelvis_flexion": -9, "ankle_dorsiflexion": 50},
        },
    ),
    _document(
        "hip-abduction",
        "side_lying",
        {"pelvis": "back", "thigh": "outside"},
        side="right",
        movement=_joint("pelvis", "thigh", "abduction"),
        range=_range(20, 35, 55),
        compensations=[
            {"name": "hip_flexion", "segment": "thigh", "against": "pelvis", "axis": "flexion",
             "limit_deg": 15, "cue": "Keep the leg in line"},
        ],
        figure={
            "fixed": "pelvis",
            "rest": {"right_hip_flexion": -15, "right_knee_flexion": -25},
            "peak": {"right_hip_flexion": -15, "right_knee_flexion": -25,
                     "right_hip_abduction": 35},
        },
    ),
    _document(
        "clamshell",
        "side_lying",
        {"thigh": "outside", "pelvis": "back"},
        side="right",
        movement=_segment("thigh", "external_rotation"),
        range=_range(20, 35, 60),
        compensations=[_tilt("pelvis_roll", "pelvis", 12)],
        figure={
            "fixed": "pelvis",
            "rest": _CLAM,
            "peak": {**_CLAM, "right_hip_internal_rotation": -35, "right_hip_abduction": 8},
        },
    ),
    _document(
        "cat-camel",
        "quadruped",
        {"pelvis": "back", "thorax": "back"},
        direction="both",
        movement=_joint("pelvis", "thorax", "flexion"),
        range=_range(10, 25, 60),
        figure={
            "fixed": "hands_and_knees",
            "peak": {"lumbar_flexion": 25, "pelvis_flexion": -20, "hip_flexion": -20,
                     "neck_flexion": 25, "shoulder_flexion": 4},
            "opposite": {"lumbar_flexion": -22, "pelvis_flexion": 12, "hip_flexion": 12,
                         "neck_flexion": -20, "shoulder_flexion": -10},
        },
    ),
    _document(
        "bird-dog",
        "quadruped",
        {"pelvis": "back", "thigh": "outside"},
        side="alternate",
        movement=_segment("thigh", "extension"),
        range=_range(40, 70, 100),
        compensations=[_tilt("pelvis_tilt", "pelvis", 15)],
        figure={
            "fixed": "hands_and_knees",
            "peak": {"right_hip_flexion": -70, "right_knee_flexion": -85,
                     "left_shoulder_flexion": 80, "left_elbow_pronation": -60,
                     "left_wrist_flexion": 80},
        },
    ),
    _document(
        "half-kneeling-turn",
        "kneeling",
        {"thorax": "front", "pelvis": "back"},
        direction="both",
        movement=_segment("thorax", "turn_left"),
        range=_range(20, 40, 70),
        compensations=[
            {"name": "pelvis_turn", "segment": "pelvis", "axis": "turn_left", "limit_deg": 20,
             "cue": "Keep your hips still"},
        ],
        figure={
            "fixed": "pelvis",
            "view": "front",
            "rest": {"shoulder_flexion": 60, "elbow_flexion": 95,
                     "shoulder_internal_rotation": 40},
            "peak": {"shoulder_flexion": 60, "elbow_flexion": 95,
                     "shoulder_internal_rotation": 40, "lumbar_turn_left": 40},
        },
    ),
)  # fmt: skip

TEMPLATES: Final[dict[str, ExerciseTemplate]] = {
    document["id"]: ExerciseTemplate.from_document(document, source=document["id"])
    for document in DOCUMENTS
}
