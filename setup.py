"""Packaging of meit-ecg: the core runs a model on a record; the extras train, evaluate and serve."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

CORE = [
    "torch>=2.6",
    "transformers>=5.20,<6",
    "numpy>=1.26",
    "scipy>=1.12",
    "safetensors>=0.4.3",
    "huggingface-hub>=2.0,<3",
    "wfdb>=4.2,<5",
    "pillow>=10.1",
    "matplotlib>=3.7",
    "reportlab>=4.2,<6",
]
FORMATS = ["ecgdatakit>=2,<3", "pydicom>=3,<4", "pyedflib>=0.1.38"]
EXTRAS = {
    "train": [
        "datasets>=5,<6",
        "threadpoolctl>=3.5,<4",
        "trl>=1.10,<2",
        "peft>=0.19,<1",
        "accelerate>=1.10,<2",
        "pyyaml>=6",
    ],
    "eval": [
        "datasets>=5,<6",
        "evaluate>=0.4.6,<1",
        "jinja2>=3.1,<4",
        "nltk>=3.9",
        "sacrebleu>=2.4",
        "rouge-score>=0.1.2",
        "rouge>=1.0.1,<2",
        "pycocoevalcap>=1.2",
        "tqdm>=4.66",
    ],
    "bertscore": ["bert-score>=0.3.13,<0.4"],
    "demo": ["gradio[mcp]>=6,<7", *FORMATS],
    "code-15": ["h5py>=3.11,<4"],
    "formats": FORMATS,
    "quantization": ["bitsandbytes>=0.48,<1"],
    "deepspeed": ["deepspeed>=0.16"],
}
EXTRAS["dev"] = sorted(
    {
        *EXTRAS["train"],
        *EXTRAS["eval"],
        *EXTRAS["bertscore"],
        *EXTRAS["quantization"],
        *EXTRAS["code-15"],
        *EXTRAS["demo"],
        "ecg-plot>=0.3",
        "fhir.resources>=8",
        "mlcroissant>=1.1,<2",
        "playwright>=1.50",
        "psutil>=6",
        "pypdf>=5",
        "pypdfium2>=4.30",
        "pytest>=8",
        "pytest-xdist>=3.6",
        "ruff>=0.8",
        "mypy>=1.13",
        "types-PyYAML",
        "pre-commit>=4",
    }
)

setup(
    name="meit-ecg",
    version="0.1.0",
    description="Language models that read a 12-lead ECG and write its report (MEIT), native to the Hugging Face Hub",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(
        include=[
            "modeling_meit*",
            "ecg_files*",
            "ecg_image*",
            "ecg_measurements*",
            "dataset_scripts*",
            "eval_suite*",
            "meit_training*",
            "meit_commands*",
            "meit_hub*",
            "meit_remote*",
            "spaces_demo*",
            "checkpoints*",
        ]
    ),
    py_modules=[
        "meit_cli",
        "meit_models",
        "meit_report",
        "pretrain_encoder",
        "train_encoder",
        "train_seq2seq",
        "train_sft",
    ],
    package_data={
        "checkpoints": ["meit-ptbxl-small/*"],
        "dataset_scripts": ["**/*.csv", "**/*.tsv", "**/*.txt"],
        "eval_suite": ["findings/lexicon/*.txt", "page/templates/*"],
        "modeling_meit": ["*.jinja"],
        "spaces_demo": ["README.md", "requirements.txt", "page/assets/*"],
    },
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["meit = meit_cli:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Medical Science Apps.",
    ],
)
